"""Queries of hotel stays."""

from typing import Any

from sqlalchemy import func, select, update

from server.database import Session, put_once
from server.hotel.police import StayReport
from server.hotel.rows import StayRow


def add(session: Session, values: dict[str, Any]) -> bool:
    return put_once(session, StayRow, values)


def waiting(session: Session, limit: int) -> list[tuple[str, str, StayReport]]:
    """(event id, terminal number, report) of stays without an answer, oldest first."""
    rows = session.scalars(select(StayRow).where(StayRow.state == "waiting").order_by(StayRow.check_in).limit(limit))
    return [(row.event, row.terminal, _report(row)) for row in rows]


def answered(session: Session, event: str, values: dict[str, Any]) -> bool:
    """Record the answer unless one stands; True when recorded now."""
    where = (StayRow.event == event, StayRow.state == "waiting")
    return session.execute(update(StayRow).where(*where).values(**values).returning(StayRow.event)).first() is not None


def tried(session: Session, event: str) -> None:
    session.execute(update(StayRow).where(StayRow.event == event).values(tries=StayRow.tries + 1))


def counts(session: Session) -> dict[str, int]:
    """Stays by state."""
    query = select(StayRow.state, func.count().label("n")).group_by(StayRow.state)
    return {row.state: row.n for row in session.execute(query)}


def _report(row: StayRow) -> StayReport:
    return StayReport(
        stay_id=row.stay_id,
        hotel=row.operator,
        site=row.site,
        room=row.room,
        check_in=row.check_in,
        guests=row.guests,
        name=row.name,
        id_no=row.id_no,
        sex=row.sex,
        nation=row.nation,
        birth_date=row.birth_date,
    )
