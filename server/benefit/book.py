"""The payees as the registry projects them, and a notice of death before everything else."""

from collections.abc import Sequence
from datetime import datetime

from card.domain.clock import SHANGHAI, to_ms
from card.domain.lifecycle import AccountState, CardState
from server.benefit import repository
from server.benefit.roll import CardFacts, Payee
from server.database import Session
from server.registry import repository as registry
from server.registry.card import DEAD, Card, Person


class RegistryBook:
    """`PayeeBook` over one transaction: what it has looked up once it does not ask again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shared: dict[tuple[str, str], int] | None = None
        self._dead = repository.persons_dead(session)

    def by_id_no(self, id_no: str) -> Payee | None:
        """None also when two persons carry one number: nobody is paid on a guess."""
        found = registry.persons_by_id_no(self._session, id_no)
        return self._payee(found[0]) if len(found) == 1 else None

    def by_person(self, person_id: str) -> Payee | None:
        found = registry.person(self._session, person_id)
        return self._payee(found) if found else None

    def sharers(self, bank: str, account: str) -> int:
        # Accounts of several persons are few: one query finds them all.
        if self._shared is None:
            self._shared = repository.shared_accounts(self._session)
        return self._shared.get((bank, account), 1)

    def owners(self, bank: str, account: str) -> Sequence[str]:
        return repository.account_owners(self._session, bank, account)

    def _payee(self, person: Person) -> Payee:
        cards = registry.cards_of(self._session, person.person_id)
        return Payee(
            person_id=person.person_id,
            name=person.name,
            id_type=person.id_type,
            id_no=person.id_no,
            life_status=DEAD if person.person_id in self._dead else person.life_status,
            cards=tuple(_facts(card, cards) for card in cards),
        )


def _facts(card: Card, cards: list[Card]) -> CardFacts:
    before = next((other for other in cards if other.card_id == card.supersedes), None)
    moved = before is not None and (before.bank, before.account) != (card.bank, card.account)
    return CardFacts(
        card_no=card.card_no,
        state=CardState(card.status),
        bank=card.bank,
        account=card.account,
        account_closed=card.account_status == AccountState.CLOSED.value,
        account_since_ms=_day_ms(card.issued) if moved else None,
    )


def _day_ms(day: str) -> int:
    return to_ms(datetime(int(day[:4]), int(day[4:6]), int(day[6:8]), tzinfo=SHANGHAI))
