"""Queries of the payment run; the only file here that speaks SQL."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from server.benefit.roll import LIVE_CARD
from server.benefit.rows import BatchRow, LineMoveRow, LineRow, PaymentFileRow, ProgrammeRow, ReturnFileRow
from server.benefit.states import LineState
from server.cases.rows import DeathRow
from server.database import Session
from server.registry.rows import CardRow

BLOCKED = LineState.BLOCKED.value
LIVE = [state.value for state in LIVE_CARD]


def programme(session: Session, code: str) -> ProgrammeRow | None:
    return session.get(ProgrammeRow, code)


def batch(session: Session, batch_no: str) -> BatchRow | None:
    """The batch, locked until the transaction ends: two clerks cannot move it at once."""
    query = select(BatchRow).where(BatchRow.batch_no == batch_no).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def batches_of_roll(session: Session, digest: str) -> list[BatchRow]:
    return list(session.scalars(select(BatchRow).where(BatchRow.roll_digest == digest)))


def batches_of_day(session: Session, prefix: str) -> int:
    """How many batches carry numbers that begin with `prefix`."""
    query = select(func.count()).select_from(BatchRow).where(BatchRow.batch_no.startswith(prefix))
    return int(session.scalar(query) or 0)


def all_batches(session: Session) -> list[BatchRow]:
    return list(session.scalars(select(BatchRow).order_by(BatchRow.batch_no)))


def line(session: Session, e2e_id: str) -> LineRow | None:
    """One line, locked until the transaction ends."""
    query = select(LineRow).where(LineRow.e2e_id == e2e_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def lines(session: Session, batch_no: str, bank: str = "", states: Iterable[LineState] = ()) -> list[LineRow]:
    """Lines of a batch in order, of one bank and in some states when given."""
    query = select(LineRow).where(LineRow.batch_no == batch_no).order_by(LineRow.line_no)
    if bank:
        query = query.where(LineRow.bank == bank)
    if wanted := [state.value for state in states]:
        query = query.where(LineRow.state.in_(wanted))
    return list(session.scalars(query))


def lock_lines(session: Session, batch_no: str, bank: str) -> dict[str, LineRow]:
    """Lines of a batch and bank by e2e id, locked until the transaction ends."""
    query = select(LineRow).where(LineRow.batch_no == batch_no, LineRow.bank == bank)
    query = query.order_by(LineRow.line_no).with_for_update().execution_options(populate_existing=True)
    return {row.e2e_id: row for row in session.scalars(query)}


def lines_in(session: Session, states: Iterable[LineState], bank: str = "") -> list[LineRow]:
    """Lines of every batch that stand in one of `states`."""
    query = select(LineRow).where(LineRow.state.in_([state.value for state in states])).order_by(LineRow.e2e_id)
    if bank:
        query = query.where(LineRow.bank == bank)
    return list(session.scalars(query))


def lines_of_person(session: Session, person_id: str) -> list[LineRow]:
    query = select(LineRow).where(LineRow.person_id == person_id).order_by(LineRow.e2e_id)
    return list(session.scalars(query))


def repays(session: Session, original: str) -> list[LineRow]:
    """Every repayment of one original, oldest first."""
    query = select(LineRow).where(LineRow.repay_of == original).order_by(LineRow.e2e_id)
    return list(session.scalars(query))


def persons_with_line(session: Session, item: str, period: str) -> dict[str, str]:
    """Person id -> household of every first line of an item and period that was not blocked."""
    query = select(LineRow.person_id, LineRow.household).where(
        LineRow.programme == item, LineRow.period == period, LineRow.repay_of == "", LineRow.state != BLOCKED
    )
    return {row.person_id: row.household for row in session.execute(query)}


def last_amounts(session: Session, item: str, before: str) -> dict[str, int]:
    """Person id -> amount of the newest line of the item before a period."""
    query = select(LineRow.person_id, LineRow.period, LineRow.fen).where(
        LineRow.programme == item, LineRow.period < before, LineRow.repay_of == "", LineRow.state != BLOCKED
    )
    found: dict[str, int] = {}
    for person, _period, fen in session.execute(query.order_by(LineRow.period)):
        found[person] = fen
    return found


def spent(session: Session, item: str) -> int:
    """Fen promised or paid by an item: first lines that were not blocked."""
    query = select(func.coalesce(func.sum(LineRow.fen), 0)).where(
        LineRow.programme == item, LineRow.repay_of == "", LineRow.state != BLOCKED
    )
    return int(session.scalar(query) or 0)


def holder_of_serial(session: Session, bank: str, serial: str) -> str | None:
    """The line that carries a bank's serial number."""
    return session.scalar(select(LineRow.e2e_id).where(LineRow.bank == bank, LineRow.bank_serial == serial))


def moves(session: Session, e2e_id: str) -> list[LineMoveRow]:
    """The life of a line in order."""
    query = select(LineMoveRow).where(LineMoveRow.e2e_id == e2e_id).order_by(LineMoveRow.seq)
    return list(session.scalars(query))


def last_moves(session: Session) -> dict[str, str]:
    """Line -> the state its last move led to."""
    query = select(LineMoveRow.e2e_id, LineMoveRow.new).order_by(LineMoveRow.e2e_id, LineMoveRow.seq)
    return {row.e2e_id: row.new for row in session.execute(query)}


def next_move(session: Session, e2e_id: str) -> int:
    query = select(func.coalesce(func.max(LineMoveRow.seq), 0)).where(LineMoveRow.e2e_id == e2e_id)
    return int(session.scalar(query) or 0) + 1


def files(session: Session, batch_no: str) -> list[PaymentFileRow]:
    query = select(PaymentFileRow).where(PaymentFileRow.batch_no == batch_no).order_by(PaymentFileRow.name)
    return list(session.scalars(query))


def undelivered(session: Session) -> list[PaymentFileRow]:
    """Files that no bank has confirmed."""
    query = select(PaymentFileRow).where(PaymentFileRow.delivered_at.is_(None)).order_by(PaymentFileRow.name)
    return list(session.scalars(query))


def file(session: Session, name: str) -> PaymentFileRow | None:
    return session.get(PaymentFileRow, name)


def return_file(session: Session, bank: str, digest: str) -> ReturnFileRow | None:
    return session.get(ReturnFileRow, (bank, digest))


def return_files(session: Session, batch_no: str, bank: str) -> list[ReturnFileRow]:
    """Accepted files of a batch and bank, by their number."""
    query = select(ReturnFileRow).where(
        ReturnFileRow.batch_no == batch_no, ReturnFileRow.bank == bank, ReturnFileRow.accepted == 1
    )
    return list(session.scalars(query.order_by(ReturnFileRow.file_no)))


def counts(session: Session, batch_no: str) -> dict[str, tuple[int, int]]:
    """State -> (lines, fen) of a batch."""
    query = select(LineRow.state, func.count(), func.sum(LineRow.fen)).where(LineRow.batch_no == batch_no)
    return {state: (int(count), int(total)) for state, count, total in session.execute(query.group_by(LineRow.state))}


def add(session: Session, rows: Sequence[object]) -> None:
    """Insert and flush, so that a broken unique rule speaks here."""
    session.add_all(rows)
    session.flush()


def persons_dead(session: Session) -> set[str]:
    """Persons with a standing notice of death."""
    return set(session.scalars(select(DeathRow.person_id).where(DeathRow.withdrawn_at.is_(None))))


def shared_accounts(session: Session) -> dict[tuple[str, str], int]:
    """Accounts that live cards of more than one person carry -> how many persons."""
    persons = func.count(func.distinct(CardRow.person_id))
    query = select(CardRow.bank, CardRow.account, persons).where(CardRow.status.in_(LIVE), CardRow.account != "")
    query = query.group_by(CardRow.bank, CardRow.account).having(persons > 1)
    return {(bank, account): int(count) for bank, account, count in session.execute(query)}


def account_owners(session: Session, bank: str, account: str) -> list[str]:
    """Person ids of every live card with this account."""
    query = select(CardRow.person_id).where(CardRow.bank == bank, CardRow.account == account)
    return sorted(set(session.scalars(query.where(CardRow.status.in_(LIVE)))))
