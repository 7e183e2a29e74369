"""A roll becomes a batch of judged lines (编制): PV01, PV12 and PV13 for the roll, `validation` for each line."""

from collections import Counter
from dataclasses import dataclass, field

from card.domain.clock import business_date, from_ms
from server.benefit import repository
from server.benefit.dialects.cells import to_text
from server.benefit.dialects.grammar import Dialect, dialects
from server.benefit.e2e import make_batch_no, make_e2e_id
from server.benefit.errors import DialectError, NotFoundError, RollError
from server.benefit.moves import Word, record_birth
from server.benefit.roll import CardFacts, Payee, PayeeBook, Programme, Roll, RollEntry
from server.benefit.rows import BatchRow, LineRow, ProgrammeRow
from server.benefit.states import BatchState, LineState
from server.benefit.validation import Finding, LineFacts, PayPolicy, Severity, account_card, judge
from server.database import Session
from server.eligibility import service as eligibility

DEAD_BATCHES = frozenset({BatchState.REJECTED.value, BatchState.RECALLED.value})
MS_A_DAY = 86_400_000


@dataclass(slots=True)
class Seen:
    """What is known before the first line and grows with each: who is paid, which accounts, how much."""

    paid: dict[str, str]
    last: dict[str, int]
    excluding: dict[str, str]
    accounts: Counter[tuple[str, str]] = field(default_factory=Counter)
    ready_fen: int = 0


def load_programme(session: Session, code: str) -> Programme:
    """NotFoundError when there is no such item."""
    row = repository.programme(session, code)
    if row is None:
        raise NotFoundError(f"programme {code}")
    return programme_of(row)


def programme_of(row: ProgrammeRow) -> Programme:
    return Programme(
        code=row.code,
        name=row.name,
        document_no=row.document_no,
        budget_fen=row.budget_fen,
        standard_fen=row.standard_fen,
        ceiling_fen=row.ceiling_fen,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        summary=row.summary,
        excludes=tuple(code for code in row.excludes.split(",") if code),
        needs_certificate=bool(row.needs_certificate),
        disclosure_days=row.disclosure_days,
    )


def prepare(
    session: Session, book: PayeeBook, roll: Roll, *, actor: str, at_ms: int, policy: PayPolicy | None = None
) -> BatchRow:
    """Judge every entry and store the batch as CALCULATED, prepared by natural person `actor`.

    Raises RollError (PV01 totals, PV12 item or budget, PV13 same roll again) and NotFoundError.
    """
    policy = policy or PayPolicy()
    item = load_programme(session, roll.programme)
    day = f"{business_date(from_ms(at_ms)):%Y%m%d}"
    _check_roll(session, item, roll, day)
    batch = new_batch(session, item, roll.period, kind="roll", actor=actor, at_ms=at_ms, digest=roll.digest())
    seen = _seen(session, item, roll.period)
    lines = [
        _line(session, book, item, batch, number, entry, seen, policy, actor)
        for number, entry in enumerate(roll.entries, 1)
    ]
    if repository.spent(session, item.code) + seen.ready_fen > item.budget_fen:
        raise RollError("PV12", "the budget of the item does not cover this roll")
    return finish_batch(session, batch, lines, at_ms)


def new_batch(
    session: Session, item: Programme, period: str, *, kind: str, actor: str, at_ms: int, digest: str
) -> BatchRow:
    """The next batch of the business day, not stored yet."""
    day = f"{business_date(from_ms(at_ms)):%Y%m%d}"
    number = repository.batches_of_day(session, f"PB{day}") + 1
    return BatchRow(
        batch_no=make_batch_no(day, number),
        programme=item.code,
        period=period,
        kind=kind,
        state=BatchState.CALCULATED.value,
        roll_digest=digest,
        count=0,
        total_fen=0,
        value_date="",
        prepared_by=actor,
        prepared_at=at_ms,
        publicized_on="",
        disclosure_proof="",
        checked_by="",
        approved_by="",
        released_by="",
        moved_at=at_ms,
    )


def finish_batch(session: Session, batch: BatchRow, lines: list[LineRow], at_ms: int) -> BatchRow:
    """Store batch and lines with their first history rows."""
    batch.count, batch.total_fen = len(lines), sum(line.fen for line in lines)
    repository.add(session, [batch, *lines])
    for line in lines:
        record_birth(session, line, Word(at_ms, batch.batch_no, note=line.note))
    session.flush()
    return batch


def _check_roll(session: Session, item: Programme, roll: Roll, day: str) -> None:
    if roll.count != len(roll.entries) or roll.total_fen != sum(entry.fen for entry in roll.entries) or not roll.count:
        raise RollError("PV01", "count or sum of the roll is not that of its lines")
    if any(entry.fen <= 0 for entry in roll.entries):
        raise RollError("PV01", "an amount of the roll is not above zero")
    if not item.document_no or not item.valid_from <= day <= item.valid_to:
        raise RollError("PV12", "the item has no document number or is not valid today")
    if any(batch.state not in DEAD_BATCHES for batch in repository.batches_of_roll(session, roll.digest())):
        raise RollError("PV13", "this very roll is in a batch already")


def _seen(session: Session, item: Programme, period: str) -> Seen:
    excluding = {
        person: code for code in item.excludes for person in repository.persons_with_line(session, code, period)
    }
    return Seen(
        paid=repository.persons_with_line(session, item.code, period),
        last=repository.last_amounts(session, item.code, period),
        excluding=excluding,
    )


def _line(
    session: Session,
    book: PayeeBook,
    item: Programme,
    batch: BatchRow,
    number: int,
    entry: RollEntry,
    seen: Seen,
    policy: PayPolicy,
    actor: str,
) -> LineRow:
    payee = book.by_id_no(entry.id_no)
    card = account_card(payee) if payee and payee.live_cards() else None
    facts = _facts(session, book, item, batch, entry, payee, card, seen, actor)
    findings = judge(facts, policy)
    line = build_line(batch, number, item, entry, payee, card, findings)
    if not line.rule and (problem := unwritable(line)):
        set_findings(line, [problem])
    if line.state == LineState.READY.value and payee and card:
        seen.paid[payee.person_id] = entry.household
        seen.accounts[(card.bank, card.account)] += 1
        seen.ready_fen += entry.fen
    return line


def _facts(
    session: Session,
    book: PayeeBook,
    item: Programme,
    batch: BatchRow,
    entry: RollEntry,
    payee: Payee | None,
    card: CardFacts | None,
    seen: Seen,
    actor: str,
) -> LineFacts:
    person = payee.person_id if payee else ""
    since = card.account_since_ms if card else None
    day = f"{business_date(from_ms(batch.prepared_at)):%Y%m%d}"
    return LineFacts(
        entry=entry,
        programme=item,
        payee=payee,
        paid_already=person in seen.paid,
        household_paid=bool(entry.household) and entry.household in seen.paid.values(),
        excluded_by=seen.excluding.get(person, ""),
        certified=not item.needs_certificate or eligibility.certified(session, person, item.code, day),
        account_owners=book.sharers(card.bank, card.account) if card else 0,
        account_lines=seen.accounts[(card.bank, card.account)] if card else 0,
        staff=bool(person) and person == actor,
        last_fen=seen.last.get(person),
        account_age_days=None if since is None else (batch.prepared_at - since) // MS_A_DAY,
    )


def build_line(
    batch: BatchRow,
    number: int,
    item: Programme,
    entry: RollEntry,
    payee: Payee | None,
    card: CardFacts | None,
    findings: list[Finding],
) -> LineRow:
    """A line with the mapping of this moment frozen in it."""
    line = LineRow(
        e2e_id=make_e2e_id(batch.batch_no, number),
        batch_no=batch.batch_no,
        line_no=number,
        programme=item.code,
        period=batch.period,
        person_id=payee.person_id if payee else "",
        id_type=payee.id_type if payee else "",
        id_no=entry.id_no,
        name=entry.name,
        household=entry.household,
        card_no=card.card_no if card else "",
        bank=card.bank if card else "",
        account=card.account if card else "",
        fen=entry.fen,
        summary=item.summary,
        state=LineState.READY.value,
        rule="",
        note="",
        code="",
        raw_code="",
        bank_serial="",
        paid_at="",
        repay_of="",
        repaid_by="",
        file_name="",
        moved_at=batch.prepared_at,
    )
    set_findings(line, findings)
    return line


def set_findings(line: LineRow, findings: list[Finding]) -> None:
    """BLOCKED by the first finding that is more than a warning; every note is kept."""
    stops = [finding for finding in findings if finding.severity is not Severity.WARN]
    if stops:
        line.state, line.rule = LineState.BLOCKED.value, stops[0].rule
    line.note = "; ".join(f"{finding.rule} {finding.severity.value}: {finding.note}" for finding in findings)


def unwritable(line: LineRow) -> Finding | None:
    """A line whose bank has no agreement, or whose text that bank's file cannot carry."""
    dialect = dialects().get(line.bank)
    if dialect is None:
        return Finding("PV03", Severity.BLOCK, f"no agreement with bank {line.bank}")
    values = {"name": line.name, "acct_no": line.account, "id_no": line.id_no, "summary": line.summary}
    bad = _unwritable_column(dialect, values)
    return Finding("PV02", Severity.BLOCK, f"{bad} cannot be written in the bank's file") if bad else None


def _unwritable_column(dialect: Dialect, values: dict[str, str]) -> str:
    for column in dialect.payment.detail.columns:
        if column.name in values:
            try:
                to_text(dialect, column, values[column.name])
            except DialectError:
                return column.name
    return ""
