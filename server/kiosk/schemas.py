"""Bodies of the holder's page."""

from server.http.forms import Answer, Form, Hex16, Instant


class HolderForm(Form):
    """`pin_verified_at` ms UTC: the device vouches for the chip's proof and the PIN by its signature."""

    card_id: Hex16
    pin_verified_at: Instant


class LineAnswer(Answer):
    """`amount` fen, positive for the holder."""

    at: Instant
    kind: str
    amount: int
    why_zh: str
    why_en: str


class StatementAnswer(Answer):
    """`waiting_credit`: the rest of a lost card, to be loaded."""

    name_masked: str
    purse_book_balance: int
    waiting_credit: int
    lines: list[LineAnswer]


class UseAnswer(Answer):
    """One use or reading of the holder's card."""

    at_ms: Instant
    actor: str
    action: str
    place: str
    detail: str


class UsesAnswer(Answer):
    uses: list[UseAnswer]
