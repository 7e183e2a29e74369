"""Queries of events, outside the hot write path."""

import json
from typing import Any

from sqlalchemy import bindparam, delete, func, select, tuple_

from card.domain.event import EventId, TapEvent
from server.context import StoredEvent
from server.database import Session
from server.events.rows import EpochRow, EventRow, QueueRow, RefusalRow

LEAVE_QUEUE = delete(QueueRow).where(
    QueueRow.terminal == bindparam("t"), QueueRow.epoch == bindparam("e"), QueueRow.seq == bindparam("s")
)


def stored(session: Session, event_id: EventId) -> StoredEvent | None:
    row = session.get(EventRow, (event_id.terminal, event_id.epoch, event_id.seq))
    return _stored(row) if row else None


def hash_of(session: Session, terminal: str, epoch: str, seq: int) -> bytes | None:
    row = session.get(EventRow, (terminal, epoch, seq))
    return row.hash if row else None


def take_queued(session: Session, limit: int, after: tuple[str, str, int]) -> list[StoredEvent]:
    """Events waiting to be carried into the books, held until the transaction ends; others skip them."""
    place = (QueueRow.terminal, QueueRow.epoch, QueueRow.seq)
    query = select(EventRow).join(
        QueueRow,
        (QueueRow.terminal == EventRow.terminal) & (QueueRow.epoch == EventRow.epoch) & (QueueRow.seq == EventRow.seq),
    )
    query = query.where(tuple_(*place) > tuple_(*after)).order_by(*place).limit(limit)
    return [_stored(row) for row in session.scalars(query.with_for_update(of=QueueRow, skip_locked=True))]


def done(session: Session, event_ids: list[EventId]) -> None:
    """These events are in the books."""
    keys = [{"t": event_id.terminal, "e": event_id.epoch, "s": event_id.seq} for event_id in event_ids]
    if keys:
        session.connection().execute(LEAVE_QUEUE, keys)


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(QueueRow)) or 0


def counts(session: Session) -> dict[str, dict[str, int]]:
    """Events by type and verdict."""
    found: dict[str, dict[str, int]] = {}
    query = select(EventRow.type, EventRow.verdict, func.count().label("n")).group_by(EventRow.type, EventRow.verdict)
    for row in session.execute(query):
        found.setdefault(row.type, {})[row.verdict] = row.n
    return found


def refusals(session: Session) -> dict[str, int]:
    """Refused uploads by code."""
    query = select(RefusalRow.code, func.count().label("n")).group_by(RefusalRow.code)
    return {row.code: row.n for row in session.execute(query)}


def troubled(session: Session, limit: int) -> list[dict[str, Any]]:
    """Events a person should look at: suspect, in conflict, or with a difference from the registry."""
    where = (EventRow.verdict != "accepted") | (EventRow.difference != "")
    rows = session.scalars(select(EventRow).where(where).order_by(EventRow.received_ms.desc()).limit(limit))
    return [
        {
            "event": f"{row.terminal}.{row.epoch}.{row.seq}",
            "type": row.type,
            "at": row.at_ms,
            "verdict": row.verdict,
            "code": row.code,
            "difference": row.difference,
        }
        for row in rows
    ]


def raw_of(session: Session, terminal: str | None = None) -> list[tuple[str, str, int, bytes, bytes]]:
    """(terminal, epoch, seq, hash, raw) of every event in order, for verification."""
    query = select(EventRow).order_by(EventRow.terminal, EventRow.epoch, EventRow.seq)
    if terminal is not None:
        query = query.where(EventRow.terminal == terminal)
    return [(row.terminal, row.epoch, row.seq, row.hash, row.raw) for row in session.scalars(query)]


def filed(session: Session) -> dict[tuple[str, str, int], tuple[str, str, int, str, int]]:
    """(type, outcome, at ms, ASN, offline sequence) as columns say them, by event; intake took them from the bytes."""
    rows = session.scalars(select(EventRow))
    return {
        (row.terminal, row.epoch, row.seq): (row.type, row.outcome, row.at_ms, row.asn, row.offline_seq) for row in rows
    }


def journals(session: Session) -> list[tuple[str, str, int, int]]:
    """(terminal, epoch, through, highest) of every journal that has sent something: all up to `through` is here."""
    rows = session.scalars(select(EpochRow).order_by(EpochRow.terminal, EpochRow.epoch))
    return [(row.terminal, row.epoch, row.through, row.highest) for row in rows]


def money_events(session: Session) -> list[tuple[str, str]]:
    """(event id, verdict) of every event that says a purse was debited."""
    where = (EventRow.type == "bus", EventRow.outcome == "posted")
    rows = session.execute(select(EventRow.terminal, EventRow.epoch, EventRow.seq, EventRow.verdict).where(*where))
    return [(f"{row.terminal}.{row.epoch}.{row.seq}", row.verdict) for row in rows]


def held_events(session: Session) -> set[str]:
    """Events that book money without being a plain debit: uncertain taps and what resolves them."""
    where = (EventRow.outcome == "uncertain") | (EventRow.type == "resolution")
    rows = session.execute(select(EventRow.terminal, EventRow.epoch, EventRow.seq).where(where))
    return {f"{row.terminal}.{row.epoch}.{row.seq}" for row in rows}


def _stored(row: EventRow) -> StoredEvent:
    return StoredEvent(_event(row.raw), row.verdict, row.code, row.received_ms)


def _event(raw: bytes) -> TapEvent:
    """Read back what intake has already found canonical; `audit verify` looks at the bytes again."""
    data = json.loads(raw)
    data["id"] = EventId(**data["id"])
    return TapEvent(**data)
