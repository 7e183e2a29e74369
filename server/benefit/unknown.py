"""Lines without an answer: UNKNOWN after the bank's time is up, asked about, never sent again."""

from collections.abc import Mapping

from card.domain.clock import Clock, to_ms
from server.benefit import repository
from server.benefit.answers import Answer, apply_answer, judge_answer
from server.benefit.bank_link import BankLink, QueryAnswer
from server.benefit.codes import UNKNOWN, outside_codes
from server.benefit.dialects.grammar import dialect_of
from server.benefit.errors import BankLinkError
from server.benefit.moves import Word, move_line
from server.benefit.states import LineState
from server.benefit.steps import load_batch
from server.benefit.tally import settle_batch
from server.database import Session, Store

MS_AN_HOUR = 3_600_000
# How long a bank may take to answer a line (business-rules §5.7 names two banking days as reference; C).
ANSWER_HOURS = 48


def mark_overdue(session: Session, *, at_ms: int, hours: int = ANSWER_HOURS) -> list[str]:
    """SENT lines past the bank's time become UNKNOWN (EX-NO-RETURN); their e2e ids."""
    overdue = [
        line for line in repository.lines_in(session, [LineState.SENT]) if at_ms - line.moved_at >= hours * MS_AN_HOUR
    ]
    for line in overdue:
        move_line(session, line, LineState.UNKNOWN, Word(at_ms, "overdue", UNKNOWN, note=f"no answer in {hours} h"))
    return [line.e2e_id for line in overdue]


def query_unknown(store: Store, links: Mapping[str, BankLink], clock: Clock) -> dict[str, str]:
    """Ask each bank about its UNKNOWN lines; e2e id -> state after. A bank that cannot be reached changes nothing."""
    with store.reading() as session:
        asked = [(line.e2e_id, line.bank) for line in repository.lines_in(session, [LineState.UNKNOWN])]
    after: dict[str, str] = {}
    for e2e_id, bank in asked:
        after[e2e_id] = LineState.UNKNOWN.value
        if bank not in links:
            continue
        try:
            said = links[bank].query(e2e_id)
        except BankLinkError:
            continue
        with store.transaction() as session:
            after[e2e_id] = _take(session, e2e_id, bank, said, to_ms(clock.now()))
    return after


def _take(session: Session, e2e_id: str, bank: str, said: QueryAnswer, at_ms: int) -> str:
    line = repository.line(session, e2e_id)
    assert line is not None
    code = outside_codes(dialect_of(bank).codes).get(said.raw_code, "")
    answer = Answer(said.status, code, said.raw_code, said.paid_at, said.bank_serial)
    # An answer that does not fit is no answer: the line stays unknown and a person looks.
    if not code or not answer.consistent() or said.fen != line.fen or judge_answer(line, answer):
        return line.state
    apply_answer(session, line, answer, source="query", at_ms=at_ms)
    settle_batch(session, load_batch(session, line.batch_no), at_ms)
    return line.state
