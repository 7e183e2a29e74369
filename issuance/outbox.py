"""What the server learns of cards and persons: one row for each change, written in the change's own transaction."""

import json
from dataclasses import dataclass, field

from card.domain.event import canonical
from issuance.database import Engine, Session, reading
from issuance.repository import count_up, messages_after, put
from issuance.rows import CardRow, OutboxMessageRow, PersonRow

PERSON = "person"
CARD = "card"
_PERSON_FIELDS = (
    "person_id",
    "name",
    "id_type",
    "id_no",
    "sex",
    "nation",
    "birth_date",
    "region",
    "mobile",
    "life_status",
)
_CARD_FIELDS = (
    "card_id",
    "card_no",
    "person_id",
    "region",
    "status",
    "prev_status",
    "asn",
    "issuer",
    "ecard_serial",
    "ecard_status",
    "bank",
    "account",
    "account_status",
    "issued",
    "valid_to",
    "batch",
    "atr",
    "supersedes",
    "reason",
)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """`kind` "person" or "card", `subject` its id, `version` from 1 without holes for each subject, instant in ms."""

    position: int
    kind: str
    subject: str
    version: int
    at_ms: int
    payload: dict[str, str] = field(repr=False)


def read(engine: Engine, after: int, limit: int) -> list[OutboxRow]:
    """At most `limit` rows behind position `after`. A position once read is never followed by a smaller one."""
    with reading(engine) as session:
        return [
            OutboxRow(row.position, row.kind, row.subject, row.version, row.at_ms, json.loads(row.payload))
            for row in messages_after(session, after, limit)
        ]


def tell_person(session: Session, person: PersonRow, at_ms: int) -> None:
    """The person as he is now, one version further."""
    person.version = (person.version or 0) + 1
    payload = {name: getattr(person, name) or "" for name in _PERSON_FIELDS}
    _write(session, PERSON, person.person_id, person.version, at_ms, payload)


def tell_card(session: Session, card: CardRow, at_ms: int) -> None:
    """The card as it is now, one version further."""
    card.version = (card.version or 0) + 1
    payload = {name: getattr(card, name) or "" for name in _CARD_FIELDS}
    _write(session, CARD, card.card_id, card.version, at_ms, payload)


def _write(session: Session, kind: str, subject: str, version: int, at_ms: int, payload: dict[str, str]) -> None:
    # The counter's row lock orders the commits, so no reader can pass a position that is still to come.
    position = count_up(session, "outbox")
    body = canonical(payload).decode()
    put(
        session,
        OutboxMessageRow(position=position, kind=kind, subject=subject, version=version, at_ms=at_ms, payload=body),
    )
