"""Queries of eligibility."""

from sqlalchemy import func, select, update

from server.database import Session, put_once
from server.eligibility.rows import CertificateRow


def put(session: Session, values: dict[str, object]) -> bool:
    return put_once(session, CertificateRow, values)


def newest(session: Session, person_id: str, item: str) -> str:
    """The latest `valid_to` that stands, or the empty string."""
    query = select(func.max(CertificateRow.valid_to)).where(
        CertificateRow.person_id == person_id, CertificateRow.item == item, CertificateRow.withdrawn_at.is_(None)
    )
    return session.scalar(query) or ""


def withdraw(session: Session, person_id: str, at_ms: int) -> int:
    """End every standing certificate of a person; how many."""
    where = (CertificateRow.person_id == person_id, CertificateRow.withdrawn_at.is_(None))
    found = session.scalars(select(CertificateRow.item).where(*where)).all()
    session.execute(update(CertificateRow).where(*where).values(withdrawn_at=at_ms))
    return len(found)


def restore(session: Session, person_id: str, withdrawn_at: int) -> None:
    """Undo one withdrawal (a wrong notice of death)."""
    where = (CertificateRow.person_id == person_id, CertificateRow.withdrawn_at == withdrawn_at)
    session.execute(update(CertificateRow).where(*where).values(withdrawn_at=None))
