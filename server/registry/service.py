"""Project what issuance says; answer who holds what. Hotlist and lost money follow in the same transaction."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from server.context import Context
from server.database import Session
from server.errors import ServerError
from server.registry import repository
from server.registry.card import Card, Person

OUTBOX = "issuance.outbox"


class CardUnknownError(ServerError):
    """No card of that id in the registry."""

    code: ClassVar[str] = "E-CARD-UNKNOWN"


class PersonUnknownError(ServerError):
    """No person of that id in the registry."""

    code: ClassVar[str] = "E-PERSON-UNKNOWN"


class Message(Protocol):
    """One row of the issuance outbox."""

    @property
    def position(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def payload(self) -> dict[str, Any]: ...


# Told of every card whose state was taken over: (card before or None, card now).
Follower = Callable[[Context, Session, Card | None, Card], None]


def project(context: Context, session: Session, rows: Sequence[Message], followers: Sequence[Follower]) -> int:
    """Take `rows` behind the cursor over; idempotent by subject and version. Returns how many changed something."""
    done, changed = repository.cursor(session, OUTBOX), 0
    for row in rows:
        if row.position > done:
            changed += _take(context, session, row, followers)
            done = row.position
    repository.move_cursor(session, OUTBOX, done)
    return changed


def position(session: Session) -> int:
    """The last outbox row that was taken over."""
    return repository.cursor(session, OUTBOX)


def _take(context: Context, session: Session, row: Message, followers: Sequence[Follower]) -> bool:
    told = {"version": row.version}
    if row.kind == "person":
        names = set(repository.PERSON_FIELDS)
        return repository.project_person(session, {k: v for k, v in row.payload.items() if k in names} | told)
    names = set(repository.CARD_FIELDS)
    values = {k: v for k, v in row.payload.items() if k in names} | told | {"changed_at": row.at_ms}
    before = repository.card(session, str(values["card_id"]))
    if not repository.project_card(session, values):
        return False
    now = card(session, str(values["card_id"]))
    for follow in followers:
        follow(context, session, before, now)
    return True


def card(session: Session, card_id: str) -> Card:
    """The card of that id, or CardUnknownError."""
    found = repository.card(session, card_id)
    if found is None:
        raise CardUnknownError(card_id)
    return found


def holder(session: Session, card_: Card) -> Person:
    """The person who holds `card_`, or PersonUnknownError."""
    found = repository.person(session, card_.person_id)
    if found is None:
        raise PersonUnknownError(card_.person_id)
    return found
