"""Table of entries to scenic areas."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class EntryRow(Rows):
    """One granted entry. `double_of` names the entry that used the same code elsewhere; both were granted."""

    __tablename__ = "scenic_entries"
    __table_args__ = (Index("ix_scenic_entries_replay_key", "replay_key"),)

    event: Mapped[str] = mapped_column(primary_key=True)
    replay_key: Mapped[str]
    terminal: Mapped[str]
    operator: Mapped[str]
    site: Mapped[str]
    at_ms: Mapped[int]
    price: Mapped[int]
    price_class: Mapped[str]
    double_of: Mapped[str]
