"""Tables of the ledger. Two rows a posting: + is debit, - is credit; the pair sums to zero."""

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class PostingRow(Rows):
    """One side of a posting. `position` counts within (shard, day); `hash` covers content and the row before."""

    __tablename__ = "postings"
    __table_args__ = (
        CheckConstraint("(side = 0 AND fen >= 0) OR (side = 1 AND fen <= 0)", name="ck_postings_side"),
        Index("uq_postings_place", "shard", "day", "position", unique=True),
        Index("ix_postings_account", "account", "at_ms"),
        Index("ix_postings_event", "event"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    shard: Mapped[str]
    day: Mapped[str]
    position: Mapped[int]
    at_ms: Mapped[int]
    account: Mapped[str]
    fen: Mapped[int]
    memo: Mapped[str]
    event: Mapped[str | None]
    prev: Mapped[bytes]
    hash: Mapped[bytes]


class LedgerDayRow(Rows):
    """Head of one chain, and its Merkle root once the day is closed."""

    __tablename__ = "ledger_days"

    shard: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    head: Mapped[bytes]
    root: Mapped[bytes | None]
