"""A return file: read, held against what was sent, applied whole or refused whole (business-rules §5.4, §5.7)."""

from collections import Counter
from dataclasses import dataclass, field

from card.domain.clock import business_date, from_ms
from keys.algorithms.sm3 import sm3
from server.benefit import repository
from server.benefit.answers import Answer, apply_answer, judge_answer
from server.benefit.codes import outside_codes
from server.benefit.dialects.grammar import Dialect, Status, dialect_of, dialects
from server.benefit.dialects.reader import BankFile, FileRow, read_file
from server.benefit.errors import DialectError, ReturnFault, ReturnRefusedError
from server.benefit.rows import BatchRow, LineRow, ReturnFileRow
from server.benefit.states import LineState
from server.benefit.steps import load_batch
from server.benefit.tally import settle_batch
from server.database import Session

NEVER_SENT = frozenset({LineState.READY.value, LineState.BLOCKED.value})


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Refused: `fault`, 1-based `line` (0: the file) and `why`; nothing was changed.

    `changed` counts new states; `missing` names sent lines this file does not answer (MISSING_RET).
    """

    accepted: bool
    repeated: bool = False
    batch_no: str = ""
    file_no: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    fault: str = ""
    line: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Our side of a file: the batch, its lines at this bank, what has been accepted before."""

    batch: BatchRow
    lines: dict[str, LineRow]
    earlier: tuple[int, ...]
    sent_on: str
    today: str


def import_return(session: Session, *, bank: str, name: str, raw: bytes, at_ms: int) -> ImportReport:
    """Import one return file. The same file again changes nothing; any doubt refuses the whole file and says why."""
    digest = sm3(raw).hex()
    before = repository.return_file(session, bank, digest)
    if before is not None and before.accepted:
        return ImportReport(True, repeated=True, batch_no=before.batch_no, file_no=before.file_no)
    try:
        dialect = _dialect(bank)
        found = read_file(dialect, dialect.answer, raw)
        known = _known(session, bank, found, at_ms)
        answers = _hold_against(session, dialect, found, known)
    except ReturnRefusedError as refused:
        _remember(session, bank, digest, name, at_ms, refused)
        return ImportReport(False, fault=refused.fault.value, line=refused.line, why=refused.why)
    return _apply(session, bank, name, digest, found, known, answers, at_ms)


def bank_of(raw: bytes) -> str:
    """The bank whose dialect reads `raw`: for a file that came without a name. ReturnRefusedError lists each no."""
    reasons = []
    for bank, dialect in dialects().items():
        try:
            read_file(dialect, dialect.answer, raw)
        except ReturnRefusedError as refused:
            reasons.append(f"{bank} {dialect.title}: {refused.detail}")
        else:
            return bank
    raise ReturnRefusedError(ReturnFault.LAYOUT, 0, "no agreed dialect reads this file. " + "; ".join(reasons))


def _dialect(bank: str) -> Dialect:
    try:
        return dialect_of(bank)
    except DialectError as bad:
        raise ReturnRefusedError(ReturnFault.BANK, 0, bad.detail) from None


def _known(session: Session, bank: str, found: BankFile, at_ms: int) -> Known:
    batch_no = found.head("batch_no")
    batch = repository.batch(session, batch_no)
    files = [row for row in repository.files(session, batch_no) if row.bank == bank] if batch else []
    if batch is None or not files:
        raise ReturnRefusedError(ReturnFault.UNKNOWN_BATCH, 1, f"no file of batch {batch_no} went to bank {bank}")
    known = Known(
        batch=batch,
        lines=repository.lock_lines(session, batch_no, bank),
        earlier=tuple(row.file_no for row in repository.return_files(session, batch_no, bank)),
        sent_on=f"{business_date(from_ms(min(row.made_at for row in files))):%Y%m%d}",
        today=f"{business_date(from_ms(at_ms)):%Y%m%d}",
    )
    number, day = found.header["file_no"], found.head("bank_date")
    if number != len(known.earlier) + 1:
        why = f"return number {number}, expected is {len(known.earlier) + 1}"
        raise ReturnRefusedError(ReturnFault.NUMBER, 1, why)
    if not known.sent_on <= day <= known.today:
        why = f"bank date {day} is not between {known.sent_on} (sent) and {known.today} (today)"
        raise ReturnRefusedError(ReturnFault.DATE, 1, why)
    return known


def _hold_against(session: Session, dialect: Dialect, found: BankFile, known: Known) -> list[tuple[LineRow, Answer]]:
    answers: list[tuple[LineRow, Answer]] = []
    seen: set[str] = set()
    serials: set[str] = set()
    for row in found.details:
        line = _our_line(row, known, seen)
        answer = _answer(dialect, row, found.head("bank_date"), known)
        if answer.bank_serial:
            owner = repository.holder_of_serial(session, dialect.bank, answer.bank_serial)
            if answer.bank_serial in serials or owner not in (None, line.e2e_id):
                raise ReturnRefusedError(ReturnFault.REPEATED_LINE, row.at, "this bank serial belongs to another line")
            serials.add(answer.bank_serial)
        if problem := judge_answer(line, answer):
            raise ReturnRefusedError(ReturnFault.CONTRADICTS, row.at, problem)
        answers.append((line, answer))
    _totals(found, answers)
    sent = [line for line in known.lines.values() if line.state not in NEVER_SENT]
    if dialect.complete_first and not known.earlier and len(answers) != len(sent):
        why = f"{len(sent)} lines were sent, {len(answers)} are answered; this bank answers all at once"
        raise ReturnRefusedError(ReturnFault.TOTALS, 0, why)
    return answers


def _our_line(row: FileRow, known: Known, seen: set[str]) -> LineRow:
    e2e_id = row.text("e2e_id")
    line = known.lines.get(e2e_id)
    if line is None or line.state in NEVER_SENT or line.line_no != row.number("line"):
        raise ReturnRefusedError(ReturnFault.UNKNOWN_LINE, row.at, "no such line was sent in this batch")
    if e2e_id in seen:
        raise ReturnRefusedError(ReturnFault.REPEATED_LINE, row.at, "this line is answered twice in one file")
    seen.add(e2e_id)
    said_back = {"amount": line.fen, "acct_no": line.account, "name": line.name}
    for name, ours in said_back.items():
        if name in row.values and row.values[name] != ours:
            raise ReturnRefusedError(ReturnFault.DIFFERS, row.at, f"{name} is not what was sent")
    return line


def _answer(dialect: Dialect, row: FileRow, bank_date: str, known: Known) -> Answer:
    status = dialect.statuses.get(row.text("status"))
    code = outside_codes(dialect.codes).get(row.text("raw_code"))
    if status is None or code is None:
        raise ReturnRefusedError(ReturnFault.RESULT_CODE, row.at, "an outcome or reason this bank never declared")
    if row.values.get("code", code) != code:
        raise ReturnRefusedError(
            ReturnFault.RESULT_CODE, row.at, f"the bank's reason means {code}, the line says other"
        )
    answer = Answer(status, code, row.text("raw_code"), row.text("paid_at"), row.text("bank_serial"))
    if not answer.consistent():
        raise ReturnRefusedError(ReturnFault.RESULT_CODE, row.at, f"outcome {status.value} does not go with {code}")
    if dialect.cause_told and (status is Status.PAID) == bool(row.text("msg")):
        raise ReturnRefusedError(
            ReturnFault.FIELD, row.at, "this bank tells a cause when a line was not paid, only then"
        )
    booked = status in (Status.PAID, Status.RETURNED)
    if booked != bool(answer.paid_at) or (booked and not answer.bank_serial):
        raise ReturnRefusedError(ReturnFault.FIELD, row.at, "time and serial belong to booked lines, and to no other")
    if booked and not known.sent_on <= answer.paid_at[:8] <= bank_date:
        raise ReturnRefusedError(ReturnFault.DATE, row.at, f"booked outside {known.sent_on} to {bank_date}")
    return answer


def _totals(found: BankFile, answers: list[tuple[LineRow, Answer]]) -> None:
    """Three ways: what the bank declares, what its lines sum to, and what we sent for the same lines."""
    counts: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    for row, (line, answer) in zip(found.details, answers, strict=True):
        for group in ("all", answer.status.value):
            counts[group] += 1
            ours[group] += line.fen
            theirs[group] += row.number("amount")
    pairs = {
        "count": counts["all"],
        "total": theirs["all"],
        "count_ok": counts["paid"],
        "sum_ok": theirs["paid"],
        "count_fail": counts["failed"],
        "sum_fail": theirs["failed"],
    }
    for name, counted in pairs.items():
        if found.total(name) != counted:
            raise ReturnRefusedError(
                ReturnFault.TOTALS, 0, f"{name} says {found.total(name)}, the lines give {counted}"
            )
    if ours != theirs:
        raise ReturnRefusedError(ReturnFault.TOTALS, 0, "the bank's sums are not what was sent")


def _apply(
    session: Session,
    bank: str,
    name: str,
    digest: str,
    found: BankFile,
    known: Known,
    answers: list[tuple[LineRow, Answer]],
    at_ms: int,
) -> ImportReport:
    changed: Counter[str] = Counter()
    for line, answer in answers:
        changed.update(state.value for state in apply_answer(session, line, answer, source=name, at_ms=at_ms))
    missing = tuple(line.e2e_id for line in known.lines.values() if line.state == LineState.SENT.value)
    number = found.header["file_no"]
    assert isinstance(number, int)
    stored = repository.return_file(session, bank, digest) or ReturnFileRow(bank=bank, digest=digest)
    stored.name, stored.batch_no, stored.file_no = name, known.batch.batch_no, number
    stored.received_at, stored.accepted, stored.fault, stored.line, stored.why = at_ms, 1, "", 0, ""
    stored.count, stored.changed = len(answers), changed.total()
    repository.add(session, [stored])
    settle_batch(session, load_batch(session, known.batch.batch_no), at_ms)
    return ImportReport(
        accepted=True,
        batch_no=known.batch.batch_no,
        file_no=number,
        changed=dict(changed),
        missing=missing,
    )


def _remember(session: Session, bank: str, digest: str, name: str, at_ms: int, refused: ReturnRefusedError) -> None:
    stored = repository.return_file(session, bank, digest) or ReturnFileRow(bank=bank, digest=digest)
    stored.name, stored.batch_no, stored.file_no, stored.received_at = name, "", 0, at_ms
    stored.accepted, stored.fault, stored.line, stored.why = 0, refused.fault.value, refused.line, refused.why
    stored.count, stored.changed = 0, 0
    repository.add(session, [stored])
