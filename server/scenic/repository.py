"""Queries of entries."""

from typing import Any

from sqlalchemy import select, update

from server.database import Session, put_once
from server.scenic.rows import EntryRow


def add(session: Session, values: dict[str, Any]) -> bool:
    return put_once(session, EntryRow, values)


def with_key(session: Session, replay_key: str, other_than: str) -> list[EntryRow]:
    """Entries by the same code, earliest first."""
    where = (EntryRow.replay_key == replay_key, EntryRow.event != other_than)
    return list(session.scalars(select(EntryRow).where(*where).order_by(EntryRow.at_ms, EntryRow.event)))


def mark_double(session: Session, event: str, of: str) -> None:
    session.execute(update(EntryRow).where(EntryRow.event == event).values(double_of=of))


def doubles(session: Session) -> list[tuple[str, str]]:
    """(entry, the entry it doubles)."""
    rows = session.scalars(select(EntryRow).where(EntryRow.double_of != "").order_by(EntryRow.at_ms))
    return [(row.event, row.double_of) for row in rows]


def count(session: Session) -> int:
    return len(session.scalars(select(EntryRow.event)).all())
