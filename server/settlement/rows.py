"""Tables of settlement."""

from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class ClearingRow(Rows):
    """One run for one operator and business day (YYYYMMDD); what comes later for the same day is a further run."""

    __tablename__ = "clearing_runs"

    operator: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    run: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    fen: Mapped[int]
    journal_fen: Mapped[int]
    posting_key: Mapped[str]
    bank: Mapped[str]
    cleared_at: Mapped[int]
    settled_at: Mapped[int | None]


class ClearedRow(Rows):
    """A posting is cleared once: its key is the key."""

    __tablename__ = "clearing_items"

    posting_key: Mapped[str] = mapped_column(primary_key=True)
    operator: Mapped[str]
    day: Mapped[str]
    run: Mapped[int]
    event: Mapped[str]
    event_day: Mapped[str]
    fen: Mapped[int]


class DifferenceRow(Rows):
    """A difference that was found; `closed_at` when a later reconciliation no longer finds it."""

    __tablename__ = "settlement_differences"

    scope: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    ours: Mapped[int]
    theirs: Mapped[int]
    note: Mapped[str]
    found_at: Mapped[int]
    closed_at: Mapped[int | None]
