"""A bank's word about one line, from a file or from a query, and what it may change."""

from dataclasses import dataclass

from server.benefit.codes import PAID, RETURNED, UNKNOWN
from server.benefit.dialects.grammar import Status
from server.benefit.moves import Word, move_line
from server.benefit.rows import LineRow
from server.benefit.states import LineState
from server.database import Session

OPEN = frozenset({LineState.SENT, LineState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is ours (P000...), `raw_code` the bank's, `paid_at` YYYYMMDDHHMMSS."""

    status: Status
    code: str
    raw_code: str
    paid_at: str = ""
    bank_serial: str = ""

    def consistent(self) -> bool:
        """Whether outcome and code say the same."""
        fits = {Status.PAID: PAID, Status.PENDING: UNKNOWN, Status.RETURNED: RETURNED}
        if self.status is Status.FAILED:
            return self.code not in fits.values()
        return self.code == fits[self.status]


def judge_answer(line: LineRow, answer: Answer) -> str:
    """Why this answer cannot follow on what is known of the line; empty when it can or says nothing new."""
    state = LineState(line.state)
    if state in OPEN or says_nothing_new(line, answer):
        return ""
    if state is LineState.PAID and answer.status is Status.RETURNED:
        return ""
    return f"the line is {state.value} {line.code}, the bank now says {answer.status.value} {answer.code}"


def says_nothing_new(line: LineRow, answer: Answer) -> bool:
    """A repetition of what stands already, from a file that came late or twice."""
    state = LineState(line.state)
    if answer.status is Status.PENDING:
        return state is LineState.UNKNOWN
    if answer.status is Status.PAID:
        if line.code == RETURNED and state in (LineState.REVERSED, LineState.REPAID):
            # The success its own return overtook, or told again.
            return line.bank_serial in ("", answer.bank_serial)
        return state is LineState.PAID and line.bank_serial == answer.bank_serial
    if answer.status is Status.RETURNED:
        return line.code == RETURNED and state in (LineState.REVERSED, LineState.REPAID)
    return line.code == answer.code and state in (LineState.FAILED, LineState.REPAID)


def apply_answer(session: Session, line: LineRow, answer: Answer, *, source: str, at_ms: int) -> list[LineState]:
    """Move the line as the bank says and return the states it went through; nothing when nothing is new."""
    if says_nothing_new(line, answer):
        return []
    word = Word(at_ms, source, answer.code, answer.raw_code, paid_at=answer.paid_at, bank_serial=answer.bank_serial)
    if answer.status is Status.PENDING:
        return _through(session, line, [(LineState.UNKNOWN, word)])
    if answer.status is Status.FAILED:
        return _through(session, line, [(LineState.FAILED, word)])
    if answer.status is Status.PAID:
        return _through(session, line, [(LineState.PAID, word)])
    back = (LineState.REVERSED, word)
    # A return that overtakes its own success: paid first, then back, so that the book shows both. The bank's time and
    # serial are the return's; when and under which number it had paid we have not heard.
    paid = (LineState.PAID, Word(at_ms, source, PAID))
    return _through(session, line, [back] if line.state == LineState.PAID.value else [paid, back])


def _through(session: Session, line: LineRow, steps: list[tuple[LineState, Word]]) -> list[LineState]:
    for state, word in steps:
        move_line(session, line, state, word)
    return [state for state, _word in steps]
