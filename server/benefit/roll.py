"""What a business department hands in, and what is known of each beneficiary: nouns of the payment run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from card.domain.event import canonical
from card.domain.lifecycle import CardState
from keys.algorithms.sm3 import sm3

LIVE_CARD = frozenset({CardState.SEALED, CardState.NORMAL, CardState.TEMPORARY_LOSS, CardState.LOCKED})


@dataclass(frozen=True, slots=True)
class Programme:
    """An item that is paid. Amounts in fen, dates YYYYMMDD inclusive; `excludes`: items one may not have beside it."""

    code: str
    name: str
    document_no: str
    budget_fen: int
    standard_fen: int
    ceiling_fen: int
    valid_from: str
    valid_to: str
    summary: str
    excludes: tuple[str, ...] = ()
    needs_certificate: bool = False
    disclosure_days: int = 7


@dataclass(frozen=True, slots=True)
class RollEntry:
    """One beneficiary. `account` is what the department wrote down; empty means: take the card's."""

    id_no: str = field(repr=False)
    name: str = field(repr=False)
    fen: int
    quantity: int = 1
    household: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Roll:
    """A list for one item and period (YYYYMM) with the totals its sender declares."""

    programme: str
    period: str
    entries: tuple[RollEntry, ...]
    count: int
    total_fen: int

    def digest(self) -> str:
        """Hex SM3 of the content: the same list again is known by it."""
        rows = [[e.id_no, e.name, e.fen, e.quantity, e.household, e.account] for e in self.entries]
        return sm3(canonical({"item": self.programme, "period": self.period, "rows": rows})).hex()


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A card as the registry knows it; `account_since_ms` is set only when the account replaced another one."""

    card_no: str
    state: CardState
    bank: str
    account: str
    account_closed: bool = False
    account_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Payee:
    """A person of the registry with all cards. `life_status`: 1 alive 2 dead 3 imprisoned 4 missing 5 unknown."""

    person_id: str
    name: str = field(repr=False)
    id_type: str
    id_no: str = field(repr=False)
    life_status: str
    cards: tuple[CardFacts, ...]

    def live_cards(self) -> list[CardFacts]:
        return [card for card in self.cards if card.state in LIVE_CARD]


class PayeeBook(Protocol):
    """The registry as the payment run asks it."""

    def by_id_no(self, id_no: str) -> Payee | None:
        """The person with this identity number."""
        ...

    def by_person(self, person_id: str) -> Payee | None: ...

    def sharers(self, bank: str, account: str) -> int:
        """How many persons' live cards carry this account; asked for every line."""
        ...

    def owners(self, bank: str, account: str) -> Sequence[str]:
        """Person ids of every live card with this account; asked for single lines."""
        ...
