"""Bodies of codes."""

from typing import Annotated, Literal

from pydantic import Field

from server.http.forms import Answer, Count, Form, Hex6, Hex16, Hex32, Instant


class CheckForm(Form):
    """`replay_key` of an offline code, `at` ms UTC of the scan."""

    replay_key: Hex32
    terminal: Hex6
    at: Instant


class CheckAnswer(Answer):
    """`first` false: the code was seen at `seen_at` by terminal `seen_by`."""

    first: bool
    seen_at: Instant
    seen_by: Hex6


class RedeemForm(Form):
    """`business_type` 01 enquiry, 02 payment, 03 other, 04 cross-region medical."""

    token: Annotated[str, Field(min_length=1, max_length=64)]
    terminal: Hex6
    business_type: Literal["01", "02", "03", "04"]


class RedeemAnswer(Answer):
    """A person without a name."""

    pseudonym: str
    entitlements: Count
    expires: Instant


class TokenForm(Form):
    card_id: Hex16


class TokenAnswer(Answer):
    """60 seconds, one scan."""

    token: str
    expires: Instant
