"""对账 of a payment batch: our lines = the bank's statement = the ledger; whatever is not equal gets a name."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from card.domain.clock import Clock, business_date, to_ms
from server.benefit.bank_link import BankLink, StatementLine
from server.benefit.rows import LineRow
from server.benefit.states import BatchState, LineState
from server.benefit.steps import load_batch, move_batch
from server.database import Session, Store
from server.settlement import repository
from server.settlement.differences import Difference, Found
from server.settlement.findings import remember

# After how many days a return counts as late (NACHA's two banking days as reference; C).
LATE_DAYS = 2
BOOKED = ("sent", "paid", "failed", "reversed")


def reconcile_batch(
    store: Store, links: Mapping[str, BankLink], batch_no: str, days: Iterable[date], *, clock: Clock
) -> list[Found]:
    """Ask each bank for its statements of `days` and compare. Without a difference a RETURNED batch is RECONCILED.

    Raises BankLinkError when a bank cannot be asked: then nothing is concluded.
    """
    with store.reading() as session:
        banks = sorted({line.bank for line in repository.benefit_lines(session, batch_no)})
    wanted = [f"{day:%Y%m%d}" for day in days]
    statements = [line for bank in banks if bank in links for day in wanted for line in links[bank].statement(day)]
    with store.transaction() as session:
        found = compare(session, batch_no, statements)
        remember(session, f"benefit:{batch_no}", found, to_ms(clock.now()))
        batch = load_batch(session, batch_no)
        if not found and batch.state == BatchState.RETURNED.value:
            move_batch(batch, BatchState.RECONCILED, to_ms(clock.now()))
    return found


def compare(session: Session, batch_no: str, statements: list[StatementLine]) -> list[Found]:
    """Three ways: each line against the bank's bookings and against its own ledger postings."""
    lines = {line.e2e_id: line for line in repository.benefit_lines(session, batch_no)}
    states = repository.states_of(session, batch_no)
    booked: dict[str, list[StatementLine]] = {e2e_id: [] for e2e_id in lines}
    found = []
    for booking in statements:
        if booking.e2e_id in booked:
            booked[booking.e2e_id].append(booking)
        elif booking.e2e_id.startswith(batch_no):
            found.append(Found(Difference.EXTRA_RET, booking.e2e_id, 0, booking.fen, booking.bank_serial))
    keys = [f"{e2e_id}:{step}" for e2e_id in lines for step in BOOKED]
    postings = repository.posting_sums(session, keys)
    for e2e_id, line in lines.items():
        been = states.get(e2e_id, set())
        found += _against_bank(line, been, booked[e2e_id])
        found += _against_ledger(line, been, postings)
    return found


def _against_bank(line: LineRow, been: set[str], bookings: list[StatementLine]) -> list[Found]:
    paid_in = [booking for booking in bookings if booking.fen > 0]
    back = [booking for booking in bookings if booking.fen < 0]
    ours_in = line.fen if LineState.PAID.value in been else 0
    ours_back = line.fen if LineState.REVERSED.value in been else 0
    theirs_in, theirs_back = sum(b.fen for b in paid_in), -sum(b.fen for b in back)
    found = []
    if line.state in (LineState.SENT.value, LineState.UNKNOWN.value):
        return [Found(Difference.MISSING_RET, line.e2e_id, line.fen, theirs_in, line.state)]
    if theirs_in and not ours_in:
        found.append(Found(Difference.EXTRA_RET, line.e2e_id, 0, theirs_in, "booked by the bank only"))
    elif ours_in != theirs_in:
        found.append(Found(Difference.AMT_DIFF, line.e2e_id, ours_in, theirs_in))
    elif paid_in and line.paid_at and paid_in[0].day != line.paid_at[:8]:
        found.append(Found(Difference.DATE_DIFF, line.e2e_id, int(line.paid_at[:8]), int(paid_in[0].day)))
    if ours_back != theirs_back:
        found.append(Found(Difference.MISSING_RET, line.e2e_id, ours_back, theirs_back, "return not told by a file"))
    elif back and paid_in and _days(paid_in[0].day, back[0].day) > LATE_DAYS:
        found.append(Found(Difference.RETURNED_LATE, line.e2e_id, line.fen, theirs_back, back[0].day))
    return found


def _against_ledger(line: LineRow, been: set[str], postings: Mapping[str, int]) -> list[Found]:
    steps = {"sent": LineState.SENT, "paid": LineState.PAID, "failed": LineState.FAILED, "reversed": LineState.REVERSED}
    found = []
    for step, state in steps.items():
        ours = line.fen if state.value in been else 0
        if step == "failed" and LineState.PAID.value in been:
            # Owed again because its repayment came back: no money of its own moved then.
            continue
        theirs = postings.get(f"{line.e2e_id}:{step}", 0)
        if ours != theirs:
            found.append(Found(Difference.LEDGER_DIFF, f"{line.e2e_id}:{step}", ours, theirs))
    return found


def _days(first: str, second: str) -> int:
    return (datetime.strptime(second, "%Y%m%d") - datetime.strptime(first, "%Y%m%d")) // timedelta(days=1)


def days_until_today(first: date, clock: Clock) -> list[date]:
    """Business days from `first` to today, both in."""
    last = business_date(clock.now())
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
