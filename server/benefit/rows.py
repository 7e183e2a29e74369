"""Tables of the payment run. Money in fen, instants in ms UTC, states by name."""

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows

# A first payment stands once per item, period and person unless it was blocked; a repayment once per original
# while it is open or paid. The database itself refuses the second one.
_FIRST = text("repay_of = '' AND state <> 'BLOCKED'")
_REPAY = text("repay_of <> '' AND state IN ('READY', 'SENT', 'UNKNOWN', 'PAID')")
_SERIAL = text("bank_serial <> ''")
_ACCEPTED = text("accepted = 1")


class ProgrammeRow(Rows):
    __tablename__ = "benefit_programmes"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    document_no: Mapped[str]
    budget_fen: Mapped[int]
    standard_fen: Mapped[int]
    ceiling_fen: Mapped[int]
    valid_from: Mapped[str]
    valid_to: Mapped[str]
    summary: Mapped[str]
    excludes: Mapped[str]
    needs_certificate: Mapped[int]
    disclosure_days: Mapped[int]


class BatchRow(Rows):
    """One batch; the persons of its four steps are compared on their natural-person ids."""

    __tablename__ = "benefit_batches"
    __table_args__ = (Index("ix_benefit_batches_roll", "roll_digest"),)

    batch_no: Mapped[str] = mapped_column(primary_key=True)
    programme: Mapped[str]
    period: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    roll_digest: Mapped[str]
    count: Mapped[int]
    total_fen: Mapped[int]
    value_date: Mapped[str]
    prepared_by: Mapped[str]
    prepared_at: Mapped[int]
    publicized_on: Mapped[str]
    disclosure_proof: Mapped[str]
    checked_by: Mapped[str]
    approved_by: Mapped[str]
    released_by: Mapped[str]
    moved_at: Mapped[int]


class LineRow(Rows):
    """One payment; name, account and bank are frozen when the line is built (MAP-1)."""

    __tablename__ = "benefit_lines"
    __table_args__ = (
        CheckConstraint("fen > 0", name="ck_benefit_lines_fen"),
        Index("uq_benefit_lines_place", "batch_no", "line_no", unique=True),
        Index(
            "uq_benefit_lines_first",
            "programme",
            "period",
            "person_id",
            unique=True,
            sqlite_where=_FIRST,
            postgresql_where=_FIRST,
        ),
        Index("uq_benefit_lines_repay", "repay_of", unique=True, sqlite_where=_REPAY, postgresql_where=_REPAY),
        Index(
            "uq_benefit_lines_serial",
            "bank",
            "bank_serial",
            unique=True,
            sqlite_where=_SERIAL,
            postgresql_where=_SERIAL,
        ),
        Index("ix_benefit_lines_person", "person_id"),
        Index("ix_benefit_lines_state", "state", "bank"),
    )

    e2e_id: Mapped[str] = mapped_column(primary_key=True)
    batch_no: Mapped[str]
    line_no: Mapped[int]
    programme: Mapped[str]
    period: Mapped[str]
    person_id: Mapped[str]
    id_type: Mapped[str]
    id_no: Mapped[str]
    name: Mapped[str]
    household: Mapped[str]
    card_no: Mapped[str]
    bank: Mapped[str]
    account: Mapped[str]
    fen: Mapped[int]
    summary: Mapped[str]
    state: Mapped[str]
    rule: Mapped[str]
    note: Mapped[str]
    code: Mapped[str]
    raw_code: Mapped[str]
    bank_serial: Mapped[str]
    paid_at: Mapped[str]
    repay_of: Mapped[str]
    repaid_by: Mapped[str]
    file_name: Mapped[str]
    moved_at: Mapped[int]


class LineMoveRow(Rows):
    """The life of a line, one row a move: from where it came and on whose word."""

    __tablename__ = "benefit_line_moves"

    e2e_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[int]
    old: Mapped[str]
    new: Mapped[str]
    code: Mapped[str]
    source: Mapped[str]
    note: Mapped[str]


class PaymentFileRow(Rows):
    """A file for a bank, byte for byte: what is handed over again after a broken line is the same file."""

    __tablename__ = "benefit_files"

    name: Mapped[str] = mapped_column(primary_key=True)
    bank: Mapped[str]
    batch_no: Mapped[str]
    file_no: Mapped[int]
    file_cnt: Mapped[int]
    count: Mapped[int]
    total_fen: Mapped[int]
    digest: Mapped[str]
    raw: Mapped[bytes]
    made_at: Mapped[int]
    delivered_at: Mapped[int | None]


class ReturnFileRow(Rows):
    """A file from a bank: accepted once, or refused with its reason."""

    __tablename__ = "benefit_returns"
    __table_args__ = (
        Index(
            "uq_benefit_returns_number",
            "bank",
            "batch_no",
            "file_no",
            unique=True,
            sqlite_where=_ACCEPTED,
            postgresql_where=_ACCEPTED,
        ),
    )

    bank: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    batch_no: Mapped[str]
    file_no: Mapped[int]
    received_at: Mapped[int]
    accepted: Mapped[int]
    fault: Mapped[str]
    line: Mapped[int]
    why: Mapped[str]
    count: Mapped[int]
    changed: Mapped[int]
