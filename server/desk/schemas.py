"""Bodies of the operator's desk."""

from typing import Any, Literal

from server.http.forms import Answer, Count, Form, Hex8, Instant, Name, Text


class LossForm(Form):
    kind: Literal["temporary", "formal"]
    reason: Text = ""


class ReasonForm(Form):
    reason: Text = ""


class ReplaceForm(Form):
    """`bank` "" keeps the bank and its account."""

    clerk: Name
    reason: Text
    bank: Text = ""


class ReplaceAnswer(Answer):
    """The order of the new card."""

    order_id: str


class ReleaseAnswer(Answer):
    """`waiting_for`: devices that have not acknowledged the list that names the lost card."""

    old_asn: Hex8
    new_asn: Hex8
    fen: int
    released: bool
    waiting_for: list[str]


class SyncAnswer(Answer):
    position: Count
    changed: Count
    stays: Count
    releases: list[ReleaseAnswer]


class CardAnswer(Answer):
    """A card without its holder's data. `listed_since` 0 when no list names it; `waiting_for` as in a release."""

    card_id: str
    card_no: str
    status: str
    prev_status: str
    asn: str
    ecard_serial: str
    bank: str
    valid_to: str
    supersedes: str
    reason: str
    purse_book_balance: int
    lost_balance: int
    waiting_credit: int
    listed_since: Count
    waiting_for: list[str]


class UseAnswer(Answer):
    at_ms: Instant
    actor: str
    action: str
    card_id: str
    place: str
    detail: str


class UsesAnswer(Answer):
    uses: list[UseAnswer]


class CatalogueForm(Form):
    """The whole catalogue (business-rules §9 fields)."""

    items: list[dict[str, Any]]


class CatalogueAnswer(Answer):
    version: Count
    items: list[dict[str, Any]]


class InvariantAnswer(Answer):
    ok: bool
    value: Any


class InvariantsAnswer(Answer):
    invariants: dict[str, InvariantAnswer]


class DayAnswer(Answer):
    """`root` hex Merkle root over the day's posting sides."""

    day: str
    root: str


class BalancesAnswer(Answer):
    """Debits positive, fen."""

    balances: dict[str, int]
