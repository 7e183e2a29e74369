"""Tables of the facts: versions of each kind, and the hotlist's entries with the versions they came and went with."""

from sqlalchemy import Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class FactsVersionRow(Rows):
    """One issued version. `entries` canonical JSON; "" for the hotlist, whose entries have their own table."""

    __tablename__ = "facts_versions"

    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    issued_at: Mapped[int]
    max_age_s: Mapped[int]
    entries: Mapped[str]


class HotlistRow(Rows):
    """One medium on the list from version `added` until before `removed`. `entry` is what terminals receive."""

    __tablename__ = "hotlist_entries"
    __table_args__ = (Index("ix_hotlist_entries_card_id", "card_id"), Index("ix_hotlist_entries_removed", "removed"))

    medium: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    medium_id: Mapped[str] = mapped_column(primary_key=True)
    added: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    removed: Mapped[int | None]
    reason: Mapped[int] = mapped_column(SmallInteger)
    card_id: Mapped[str]
    entry: Mapped[str]
