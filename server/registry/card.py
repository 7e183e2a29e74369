"""The nouns of the registry, as the rest of the server reads them."""

from dataclasses import dataclass, field
from datetime import date

from card.domain.lifecycle import CardState, ListReason, Medium

# Life status 1 alive, 2 dead, 3 imprisoned, 4 missing, 5 unknown (business-rules §2.3 V7).
DEAD = "2"

# Which states put a card's media on the list; a sealed card (0) has never been handed out and a normal one (1) serves.
LISTED = {
    CardState.FORMAL_LOSS.value: ListReason.FORMAL_LOSS,
    CardState.TEMPORARY_LOSS.value: ListReason.TEMPORARY_LOSS,
    CardState.LOCKED.value: ListReason.LOCKED,
    CardState.CANCELLED.value: ListReason.CANCELLED,
}
DEATH = "deceased"


@dataclass(frozen=True, slots=True)
class Person:
    """`birth_date` "YYYYMMDD"."""

    person_id: str
    version: int
    name: str = field(repr=False)
    id_type: str
    id_no: str = field(repr=False)
    sex: str
    nation: str
    birth_date: str = field(repr=False)
    region: str
    mobile: str = field(repr=False)
    life_status: str

    @property
    def birth(self) -> date | None:
        text = self.birth_date
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None


@dataclass(frozen=True, slots=True)
class Card:
    """`card_id` 32 hex, `asn` and `issuer` 16 hex, `ecard_serial` 19 digits; `supersedes` a card id or ""."""

    card_id: str
    version: int
    card_no: str
    person_id: str
    region: str
    status: str
    prev_status: str
    asn: str
    issuer: str
    ecard_serial: str
    ecard_status: str
    bank: str
    account: str = field(repr=False)
    account_status: str
    issued: str
    valid_to: str
    batch: str
    atr: str
    supersedes: str
    reason: str
    changed_at: int = 0

    @property
    def list_reason(self) -> ListReason | None:
        """Why this card's media are refused, or None."""
        if self.status == CardState.CANCELLED.value and DEATH in self.reason:
            return ListReason.DECEASED
        return LISTED.get(self.status)

    @property
    def usable(self) -> bool:
        return self.status == CardState.NORMAL.value

    def media(self) -> list[tuple[Medium, bytes]]:
        """Every medium of this card as the hotlist names it: card id, purse number, e-card serial with its F."""
        found = [(Medium.CARD, bytes.fromhex(self.card_id))]
        found += [(Medium.PURSE, bytes.fromhex(self.asn))] if self.asn else []
        found += [(Medium.ECARD, bytes.fromhex(self.ecard_serial + "f"))] if self.ecard_serial else []
        return found
