"""A notice of death from the door to the last card: three stores, no transaction across them, safe to repeat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from card.domain.clock import Clock, business_date, from_ms, to_ms
from server.cases import deaths, repository
from server.cases.deaths import Stop
from server.cases.errors import DeathConflictError, DeathDateError, DeathPersonError, DeathUnknownError
from server.cases.rows import CaseRow, DeathRow
from server.context import Context
from server.database import Session, Store
from server.desk import service as desk
from server.purse import lost
from server.registry import repository as registry


class CardStopper(Protocol):
    """What issuance does on a death; `issuance.lifecycle.Lifecycle` fills it."""

    def cancel_death(self, id_no: str, name: str, on: date, source: str) -> object:
        """End every card, freeze the accounts; repeating it changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class DeathNotice:
    """What a source reports. `source` names who: police, civil affairs, health, relatives with a certificate."""

    id_no: str = field(repr=False)
    name: str = field(repr=False)
    died_on: date
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class DeathView:
    """What a notice did. `owed_fen` is claimed back, `heirs_fen` waits for the heirs; `stops` in time."""

    notice_id: str
    person_id: str
    died_on: str
    received_at: int
    withdrawn: bool
    owed_fen: int
    heirs_fen: int
    case_id: str
    stops: tuple[Stop, ...]


def receive(
    store: Store, notice: DeathNotice, *, stopper: CardStopper | None, sync: Callable[[], object], clock: Clock
) -> DeathView:
    """Stop the payments, then the cards (issuance), then read back what the registry and the lists now say.

    `sync` carries issuance's outbox into the registry and the hotlist at once; `stopper` None: cards are made
    elsewhere and follow by their own outbox. Raises DeathPersonError, DeathDateError, DeathConflictError, and what
    issuance raises.
    """
    with store.transaction() as session:
        row = _enter(session, notice, to_ms(clock.now()))
        notice_id = row.notice_id
        deaths.stop_payments(session, row, to_ms(clock.now()))
    if stopper is not None:
        stopper.cancel_death(notice.id_no, notice.name, notice.died_on, notice.source)
    sync()
    with store.transaction() as session:
        row = _standing(session, notice_id)
        deaths.observe_cards(session, row, to_ms(clock.now()))
        return view(session, notice_id)


def receive_here(context: Context, notice: DeathNotice) -> DeathView:
    """A notice for this server: with its own issuance where it is connected to one."""
    stopper = desk.lifecycle(context) if context.connectors.issuance is not None else None
    return receive(context.store, notice, stopper=stopper, sync=lambda: desk.sync(context), clock=context.clock)


def withdraw(store: Store, notice_id: str, *, actor: str, why: str, clock: Clock) -> DeathView:
    """The person lives: undo what can be undone. DeathUnknownError when no such notice stands."""
    with store.transaction() as session:
        row = _standing(session, notice_id)
        deaths.withdraw(session, row, actor=actor, why=why, at_ms=to_ms(clock.now()))
        return view(session, notice_id)


def release_heirs(context: Context, notice_id: str) -> int:
    """Pay the rests of the purses over to the heirs' account once no terminal can charge them any more; fen moved."""
    with context.store.transaction() as session:
        row = _standing(session, notice_id)
        return deaths.release_heirs(session, row, lambda card: lost.blind(context, session, card), context.now_ms())


def refresh(session: Session, at_ms: int) -> dict[str, int]:
    """After an import: claim what was paid meanwhile; notice id -> fen owed."""
    return {row.notice_id: deaths.claim_back(session, row, at_ms) for row in repository.notices(session)}


def view(session: Session, notice_id: str) -> DeathView:
    """DeathUnknownError when there is no such notice."""
    row = repository.notice(session, notice_id)
    if row is None:
        raise DeathUnknownError(notice_id)
    stops = deaths.stops(session, notice_id)
    case: CaseRow | None = repository.case(session, f"{deaths.RECOVERY}:{notice_id}")
    return DeathView(
        notice_id=notice_id,
        person_id=row.person_id,
        died_on=row.died_on,
        received_at=row.received_at,
        withdrawn=row.withdrawn_at is not None,
        owed_fen=sum(stop.fen for stop in stops if stop.kind == deaths.CLAIM and not stop.undone),
        heirs_fen=sum(deaths.rest(session, stop.subject) for stop in stops if stop.kind == deaths.PURSE),
        case_id=case.case_id if case else "",
        stops=tuple(stops),
    )


def _enter(session: Session, notice: DeathNotice, at_ms: int) -> DeathRow:
    if notice.died_on > business_date(from_ms(at_ms)):
        raise DeathDateError("the day of death lies ahead")
    found = [person for person in registry.persons_by_id_no(session, notice.id_no) if person.name == notice.name]
    if len(found) != 1:
        raise DeathPersonError("number and name do not name one person")
    person_id, died_on = found[0].person_id, f"{notice.died_on:%Y%m%d}"
    before = repository.standing(session, person_id)
    if before is not None:
        if before.died_on != died_on:
            raise DeathConflictError(f"notice {before.notice_id} names another day")
        return before
    row = DeathRow(
        notice_id=f"DN{person_id}-{repository.count_notices(session, person_id) + 1}",
        person_id=person_id,
        died_on=died_on,
        source=notice.source,
        received_at=at_ms,
        received_by=notice.actor,
        withdrawn_at=None,
        withdrawn_by="",
        withdrawn_why="",
    )
    repository.add(session, row)
    return row


def _standing(session: Session, notice_id: str) -> DeathRow:
    row = repository.notice(session, notice_id)
    if row is None or row.withdrawn_at is not None:
        raise DeathUnknownError(notice_id)
    return row
