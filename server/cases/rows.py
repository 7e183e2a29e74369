"""Tables of cases."""

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows

_STANDING = text("withdrawn_at IS NULL")


class DeathRow(Rows):
    """A notice of death; one may stand per person. `died_on` YYYYMMDD."""

    __tablename__ = "death_notices"
    __table_args__ = (
        Index(
            "uq_death_notices_person",
            "person_id",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
    )

    notice_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str]
    died_on: Mapped[str]
    source: Mapped[str]
    received_at: Mapped[int]
    received_by: Mapped[str]
    withdrawn_at: Mapped[int | None]
    withdrawn_by: Mapped[str]
    withdrawn_why: Mapped[str]


class StopRow(Rows):
    """One thing a notice stopped, moved or claims, and when; `undone_at` when a wrong notice was withdrawn."""

    __tablename__ = "death_stops"

    notice_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    at_ms: Mapped[int]
    fen: Mapped[int]
    note: Mapped[str]
    undone_at: Mapped[int | None]


class CaseRow(Rows):
    """Something a person must settle: money owed back. Instalments are ledger postings on its account."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_person_id", "person_id"),)

    case_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[str]
    opened_at: Mapped[int]
    account: Mapped[str]
    fen: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str]
    closed_at: Mapped[int | None]
