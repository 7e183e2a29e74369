"""Queries of notices."""

from sqlalchemy import select, update

from server.database import Session, put_once
from server.notices.rows import NoticeRow


def add(session: Session, device_id: str, position: int, kind: str, body: str, at_ms: int) -> None:
    values = {"device_id": device_id, "position": position, "kind": kind, "body": body, "at_ms": at_ms}
    put_once(session, NoticeRow, values | {"taken_at": None})


def take(session: Session, device_id: str, through: int, at_ms: int) -> None:
    """Mark everything up to `through` as acknowledged."""
    where = (NoticeRow.device_id == device_id, NoticeRow.position <= through, NoticeRow.taken_at.is_(None))
    session.execute(update(NoticeRow).where(*where).values(taken_at=at_ms))


def after(session: Session, device_id: str, position: int, limit: int) -> list[tuple[int, str, str]]:
    """(position, kind, canonical body) behind `position`."""
    where = (NoticeRow.device_id == device_id, NoticeRow.position > position)
    rows = session.scalars(select(NoticeRow).where(*where).order_by(NoticeRow.position).limit(limit))
    return [(row.position, row.kind, row.body) for row in rows]
