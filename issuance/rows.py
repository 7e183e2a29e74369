"""Tables of the issuance store. Instants are ms UTC; codes are the two-digit codes of the states."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of the store's tables."""


class PersonRow(Base):
    """Person base (business-rules §4.1). `id_no` never goes into a log line."""

    __tablename__ = "persons"
    __table_args__ = (UniqueConstraint("id_type", "id_no"),)

    person_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    id_type: Mapped[str] = mapped_column(String(2))
    id_no: Mapped[str] = mapped_column(String(30))
    id_valid_to: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(150))
    sex: Mapped[str] = mapped_column(String(1))
    nation: Mapped[str] = mapped_column(String(2))
    birth_date: Mapped[str] = mapped_column(String(8))
    nationality: Mapped[str] = mapped_column(String(3))
    region: Mapped[str] = mapped_column(String(6))
    household_address: Mapped[str] = mapped_column(String(200))
    living_address: Mapped[str] = mapped_column(String(200))
    mobile: Mapped[str] = mapped_column(String(20))
    life_status: Mapped[str] = mapped_column(String(1))
    guardian_name: Mapped[str] = mapped_column(String(150), default="")
    guardian_id_type: Mapped[str] = mapped_column(String(2), default="")
    guardian_id_no: Mapped[str] = mapped_column(String(30), default="")
    photo: Mapped[str] = mapped_column(String(300), default="")
    photo_digest: Mapped[str] = mapped_column(String(64), default="")
    population: Mapped[str] = mapped_column(String(2), default="00")
    version: Mapped[int] = mapped_column(Integer, default=0)


class OrderRow(Base):
    """One application for one card (business-rules §3.2 a and b)."""

    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_person", "person_id"), Index("ix_orders_make", "make_status"))

    order_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(20))
    order_type: Mapped[str] = mapped_column(String(2))
    status: Mapped[str] = mapped_column(String(2))
    make_status: Mapped[str] = mapped_column(String(2))
    form_batch: Mapped[str] = mapped_column(String(64), default="")
    form_row: Mapped[int] = mapped_column(Integer, default=0)
    bank: Mapped[str] = mapped_column(String(3))
    account: Mapped[str] = mapped_column(String(32), default="")
    region: Mapped[str] = mapped_column(String(6))
    card_no: Mapped[str] = mapped_column(String(9), default="")
    supersedes: Mapped[str] = mapped_column(String(32), default="")
    reason: Mapped[str] = mapped_column(String(40), default="")
    clerk: Mapped[str] = mapped_column(String(64))
    approver: Mapped[str] = mapped_column(String(64), default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    applied_at: Mapped[int] = mapped_column(BigInteger)
    approved_at: Mapped[int] = mapped_column(BigInteger, default=0)


class CardRow(Base):
    """One card that exists (business-rules §4.2); six state fields live here and in the order, never in one column."""

    __tablename__ = "cards"
    __table_args__ = (
        UniqueConstraint("card_no"),
        UniqueConstraint("asn"),
        UniqueConstraint("ecard_serial"),
        Index("ix_cards_holder", "person_id"),
        # One person, one card (business-rules §3.4); a card with a successor on its way is set aside.
        Index(
            "one_live_card",
            "person_id",
            unique=True,
            sqlite_where=text("status <> '9' AND superseded = 0"),
            postgresql_where=text("status <> '9' AND NOT superseded"),
        ),
    )

    card_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    card_no: Mapped[str] = mapped_column(String(9))
    person_id: Mapped[str] = mapped_column(String(20))
    order_id: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(String(6))
    status: Mapped[str] = mapped_column(String(1))
    prev_status: Mapped[str] = mapped_column(String(1), default="")
    asn: Mapped[str] = mapped_column(String(16))
    issuer: Mapped[str] = mapped_column(String(16))
    ecard_serial: Mapped[str] = mapped_column(String(19))
    ecard_status: Mapped[str] = mapped_column(String(1))
    bank: Mapped[str] = mapped_column(String(3))
    account: Mapped[str] = mapped_column(String(32))
    account_status: Mapped[str] = mapped_column(String(1))
    stock_status: Mapped[str] = mapped_column(String(20))
    issued: Mapped[str] = mapped_column(String(8))
    valid_to: Mapped[str] = mapped_column(String(8))
    batch: Mapped[str] = mapped_column(String(8))
    atr: Mapped[str] = mapped_column(String(64))
    supersedes: Mapped[str] = mapped_column(String(32), default="")
    superseded: Mapped[bool] = mapped_column(Boolean, default=False)
    reason: Mapped[str] = mapped_column(String(40), default="")
    receiver: Mapped[str] = mapped_column(String(10), default="")
    lost_at: Mapped[int] = mapped_column(BigInteger, default=0)
    version: Mapped[int] = mapped_column(Integer, default=0)


class MakingRow(Base):
    """What was bound to one chip before its first secret was written, and how it ended (keys-and-purse §3.4)."""

    __tablename__ = "makings"
    __table_args__ = (
        UniqueConstraint("region", "chip_serial"),
        Index("ix_makings_state", "state"),
        Index("ix_makings_order", "order_id"),
    )

    card_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(20))
    chip: Mapped[str] = mapped_column(String(300))
    slot: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(8))
    region: Mapped[str] = mapped_column(String(6))
    chip_serial: Mapped[int] = mapped_column(Integer)
    purse_serial: Mapped[str] = mapped_column(String(20))
    ecard_serial: Mapped[str] = mapped_column(String(19))
    card_no: Mapped[str] = mapped_column(String(9))
    issued: Mapped[str] = mapped_column(String(8))
    valid_to: Mapped[str] = mapped_column(String(8))
    script_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(80), default="")
    certificate: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int] = mapped_column(BigInteger, default=0)


class CardNumberRow(Base):
    """The pool: 00 free, 01 reserved, 02 used, 03 locked (business-rules §4.4). A number is never given twice."""

    __tablename__ = "card_numbers"
    __table_args__ = (Index("ix_card_numbers_state", "state"),)

    card_no: Mapped[str] = mapped_column(String(9), primary_key=True)
    state: Mapped[str] = mapped_column(String(2))
    order_id: Mapped[str] = mapped_column(String(20), default="")


class CounterRow(Base):
    """A sequence by name: one for each region and kind, so that writers of two regions do not meet."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class StockRow(Base):
    """Blank chips of one delivery batch at one place; the store itself refuses a line that does not add up."""

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("blank + good + spoiled + returned = received", name="stock_sums"),
        CheckConstraint("blank >= 0 AND good >= 0 AND spoiled >= 0 AND returned >= 0", name="stock_not_negative"),
    )

    place: Mapped[str] = mapped_column(String(40), primary_key=True)
    batch: Mapped[str] = mapped_column(String(8), primary_key=True)
    received: Mapped[int] = mapped_column(Integer, default=0)
    blank: Mapped[int] = mapped_column(Integer, default=0)
    good: Mapped[int] = mapped_column(Integer, default=0)
    spoiled: Mapped[int] = mapped_column(Integer, default=0)
    returned: Mapped[int] = mapped_column(Integer, default=0)


class StockMoveRow(Base):
    """Append-only: every change of a stock line, with who and why."""

    __tablename__ = "stock_moves"

    move: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    place: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(10))
    count: Mapped[int] = mapped_column(Integer)
    subject: Mapped[str] = mapped_column(String(32), default="")
    reason: Mapped[str] = mapped_column(String(80), default="")
    officers: Mapped[str] = mapped_column(String(140), default="")
    at: Mapped[int] = mapped_column(BigInteger)


class BankTaskRow(Base):
    """A bank leg that failed after ours was done (result 02): tried again until the bank says yes."""

    __tablename__ = "bank_tasks"

    task: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    card_id: Mapped[str] = mapped_column(String(32))
    bank: Mapped[str] = mapped_column(String(3))
    account: Mapped[str] = mapped_column(String(32))
    wanted: Mapped[str] = mapped_column(String(1))
    done: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[int] = mapped_column(BigInteger)


class OutboxMessageRow(Base):
    """What the server will project: written in the same transaction as the change it tells of."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("kind", "subject", "version"),)

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[str] = mapped_column(Text)


class KeyEventRow(Base):
    """Append-only: each time a secret was about to go to a chip, how it ended, each stop of the line and its lifting.

    Kinds: begun, good, failed, stop, lift (of a delivery), clear (of one chip). The store refuses change and deletion.
    """

    __tablename__ = "key_events"
    __table_args__ = (
        Index("ix_key_events_batch", "place", "batch", "event"),
        Index("ix_key_events_subject", "subject", "event"),
        Index("ix_key_events_kind", "place", "kind", "event"),
    )

    event: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    place: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(10))
    doing: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(String(120), default="")
    officer: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[int] = mapped_column(BigInteger)
