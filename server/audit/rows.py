"""Tables of the access log: append-only, hash-chained per shard and business day."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class AccessRow(Rows):
    """Who did what with whose card. `holder` a person id or "", never a name or number."""

    __tablename__ = "access_log"
    __table_args__ = (Index("ix_access_log_holder", "holder", "at_ms"), Index("ix_access_log_card_id", "card_id"))

    shard: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    holder: Mapped[str]
    card_id: Mapped[str]
    place: Mapped[str]
    detail: Mapped[str]
    prev: Mapped[bytes]
    hash: Mapped[bytes]


class AccessDayRow(Rows):
    """Head of one chain."""

    __tablename__ = "access_days"

    shard: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    head: Mapped[bytes]
