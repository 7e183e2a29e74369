"""Queries of cases."""

from sqlalchemy import func, select

from server.benefit.rows import LineRow
from server.benefit.states import LineState
from server.cases.rows import CaseRow, DeathRow, StopRow
from server.database import Session, put_once


def standing(session: Session, person_id: str) -> DeathRow | None:
    """The notice that stands for a person, locked."""
    query = select(DeathRow).where(DeathRow.person_id == person_id, DeathRow.withdrawn_at.is_(None))
    return session.scalars(query.with_for_update()).one_or_none()


def notice(session: Session, notice_id: str) -> DeathRow | None:
    return session.scalars(select(DeathRow).where(DeathRow.notice_id == notice_id).with_for_update()).one_or_none()


def notices(session: Session) -> list[DeathRow]:
    """Every standing notice."""
    return list(session.scalars(select(DeathRow).where(DeathRow.withdrawn_at.is_(None)).order_by(DeathRow.notice_id)))


def count_notices(session: Session, person_id: str) -> int:
    query = select(func.count()).select_from(DeathRow).where(DeathRow.person_id == person_id)
    return int(session.scalar(query) or 0)


def put_stop(session: Session, values: dict[str, object]) -> bool:
    """Record one stop once."""
    return put_once(session, StopRow, values)


def stops(session: Session, notice_id: str) -> list[StopRow]:
    query = select(StopRow).where(StopRow.notice_id == notice_id)
    return list(session.scalars(query.order_by(StopRow.at_ms, StopRow.kind, StopRow.subject)))


def case(session: Session, case_id: str) -> CaseRow | None:
    return session.get(CaseRow, case_id)


def add(session: Session, row: object) -> None:
    session.add(row)
    session.flush()


def ready_lines(session: Session, person_id: str) -> list[LineRow]:
    """Lines of a person that have not left the house."""
    query = select(LineRow).where(LineRow.person_id == person_id, LineRow.state == LineState.READY.value)
    return list(session.scalars(query.order_by(LineRow.e2e_id).with_for_update()))


def lines_after(session: Session, person_id: str, month: str) -> list[LineRow]:
    """Every line of a person for a period after `month` (YYYYMM)."""
    query = select(LineRow).where(LineRow.person_id == person_id, LineRow.period > month)
    return list(session.scalars(query.order_by(LineRow.e2e_id)))
