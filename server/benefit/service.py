"""Programmes, the view of a batch, and the lines of one person: what came, why, from whom, what next."""

import re
from dataclasses import dataclass

from card.texts import text
from server.benefit import repository
from server.benefit.codes import RESULT_TEXTS, RULE_TEXTS, STATE_TEXTS
from server.benefit.errors import BenefitError, NotFoundError
from server.benefit.roll import Programme
from server.benefit.rows import BatchRow, LineRow, ProgrammeRow
from server.database import Session

ITEM_CODE = re.compile(r"[A-Z0-9]{2,20}")
# No agreed dialect can carry a separator inside a header text.
SEPARATORS = re.compile(r"[|,;\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class BenefitLine:
    """One line for its beneficiary: `at_ms` of its last change, `fen`, and the sentences of a statement."""

    e2e_id: str
    at_ms: int
    fen: int
    state: str
    code: str
    programme: str
    document_no: str
    period: str
    why_zh: str
    why_en: str
    next_zh: str
    next_en: str


@dataclass(frozen=True, slots=True)
class LineMove:
    """One step in a line's life."""

    at_ms: int
    old: str
    new: str
    code: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class LineStory:
    """A line with its whole life, for a report; `account_tail` is the last four digits."""

    e2e_id: str
    line_no: int
    person_id: str
    bank: str
    account_tail: str
    fen: int
    state: str
    rule: str
    code: str
    note: str
    repay_of: str
    repaid_by: str
    moves: tuple[LineMove, ...]


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch and how its lines stand: state -> (lines, fen)."""

    batch_no: str
    programme: str
    period: str
    kind: str
    state: str
    count: int
    total_fen: int
    people: dict[str, str]
    files: tuple[str, ...]
    states: dict[str, tuple[int, int]]


def create_programme(session: Session, item: Programme) -> None:
    """Record an item. BenefitError when its code exists with other content or cannot travel in a bank file."""
    if not ITEM_CODE.fullmatch(item.code) or not item.summary or len(item.summary) > 20:
        raise BenefitError("an item needs a code of capital letters and digits and a summary of at most 20 characters")
    if any(SEPARATORS.search(value) for value in (item.name, item.document_no, item.summary)):
        raise BenefitError("name, document number and summary hold no separators")
    if len(item.name) > 60 or len(item.document_no) > 60:
        raise BenefitError("name and document number hold at most 60 characters")
    values = {name: getattr(item, name) for name in Programme.__slots__}
    values |= {"excludes": ",".join(item.excludes), "needs_certificate": int(item.needs_certificate)}
    stored = repository.programme(session, item.code)
    if stored is None:
        repository.add(session, [ProgrammeRow(**values)])
    elif any(getattr(stored, name) != value for name, value in values.items()):
        raise BenefitError(f"item {item.code} exists with other content")


def view(session: Session, batch_no: str) -> BatchView:
    """NotFoundError when there is no such batch."""
    batch = repository.batch(session, batch_no)
    if batch is None:
        raise NotFoundError(f"batch {batch_no}")
    return _view(session, batch)


def views(session: Session) -> list[BatchView]:
    """Every batch, oldest first."""
    return [_view(session, batch) for batch in repository.all_batches(session)]


def stories(session: Session, batch_no: str) -> list[LineStory]:
    """Every line of a batch with its life."""
    return [_story(session, line) for line in repository.lines(session, batch_no)]


def lines_for_person(session: Session, person_id: str) -> list[BenefitLine]:
    """What came to a person, why and from whom, oldest first; lines stopped before the bank are named too."""
    return [_benefit_line(session, line) for line in repository.lines_of_person(session, person_id)]


def _view(session: Session, batch: BatchRow) -> BatchView:
    return BatchView(
        batch_no=batch.batch_no,
        programme=batch.programme,
        period=batch.period,
        kind=batch.kind,
        state=batch.state,
        count=batch.count,
        total_fen=batch.total_fen,
        people={
            "prepared": batch.prepared_by,
            "checked": batch.checked_by,
            "approved": batch.approved_by,
            "released": batch.released_by,
        },
        files=tuple(row.name for row in repository.files(session, batch.batch_no)),
        states=repository.counts(session, batch.batch_no),
    )


def _story(session: Session, line: LineRow) -> LineStory:
    moves = tuple(
        LineMove(row.at_ms, row.old, row.new, row.code, row.source, row.note)
        for row in repository.moves(session, line.e2e_id)
    )
    return LineStory(
        e2e_id=line.e2e_id,
        line_no=line.line_no,
        person_id=line.person_id,
        bank=line.bank,
        account_tail=line.account[-4:],
        fen=line.fen,
        state=line.state,
        rule=line.rule,
        code=line.code,
        note=line.note,
        repay_of=line.repay_of,
        repaid_by=line.repaid_by,
        moves=moves,
    )


def _benefit_line(session: Session, line: LineRow) -> BenefitLine:
    item = repository.programme(session, line.programme)
    assert item is not None
    cause = RULE_TEXTS.get(line.rule) or (RESULT_TEXTS.get(line.code) if line.state != "PAID" else None)
    state = STATE_TEXTS[line.state]
    said = {language: [text(state, language)] + ([text(cause, language)] if cause else []) for language in ("zh", "en")}
    period = f"{line.period[:4]}-{line.period[4:]}"
    return BenefitLine(
        e2e_id=line.e2e_id,
        at_ms=line.moved_at,
        fen=line.fen,
        state=line.state,
        code=line.rule or line.code,
        programme=item.name,
        document_no=item.document_no,
        period=period,
        why_zh=f"{item.name} {period}（{item.document_no}）：" + "".join(part.message for part in said["zh"]),
        why_en=f"{line.programme} {period} ({item.document_no}): " + " ".join(part.message for part in said["en"]),
        next_zh=said["zh"][-1].next_step,
        next_en=said["en"][-1].next_step,
    )
