"""One line moves: state, history row and ledger posting together, or not at all."""

from dataclasses import dataclass

from server.benefit import repository
from server.benefit.codes import RETURNED
from server.benefit.rows import LineMoveRow, LineRow
from server.benefit.states import LineState, check_line_move
from server.database import Session
from server.ledger import service as ledger


@dataclass(frozen=True, slots=True)
class Word:
    """On whose word a line moves: `source` is a file name, `query`, or a clerk's step."""

    at_ms: int
    source: str
    code: str = ""
    raw_code: str = ""
    note: str = ""
    paid_at: str = ""
    bank_serial: str = ""


def on_the_way(bank: str) -> str:
    """Ledger account of money handed to a bank and not yet reported paid."""
    return f"benefit:{bank}"


def treasury(programme: str) -> str:
    return f"treasury:{programme}"


def holder(bank: str, account: str) -> str:
    return f"holder:{bank}:{account}"


def record_birth(session: Session, line: LineRow, word: Word) -> None:
    """First row of a line's history."""
    _history(session, line, "", word)


def move_line(session: Session, line: LineRow, new: LineState, word: Word) -> None:
    """Move `line`, write its history, post the ledger pair. Raises StateError for a move that does not exist.

    SENT: treasury -> bank on the way; PAID: on the way -> holder; FAILED: back to the treasury; REVERSED: holder ->
    treasury. UNKNOWN and REPAID move no money. When a repayment is paid, its original becomes REPAID; when it comes
    back, the original is owed again.
    """
    old = LineState(line.state)
    check_line_move(old, new)
    line.state, line.moved_at = new.value, word.at_ms
    if new is not LineState.SENT:
        line.code, line.raw_code = word.code, word.raw_code
    if new is LineState.PAID:
        line.paid_at, line.bank_serial = word.paid_at, word.bank_serial
    _history(session, line, old.value, word)
    _book(session, line, old, new, word)
    session.flush()
    if line.repay_of:
        _tell_original(session, line, new, word)


def _history(session: Session, line: LineRow, old: str, word: Word) -> None:
    session.add(
        LineMoveRow(
            e2e_id=line.e2e_id,
            seq=repository.next_move(session, line.e2e_id),
            at_ms=word.at_ms,
            old=old,
            new=line.state,
            code=word.code or line.rule,
            source=word.source,
            note=word.note,
        )
    )


def _book(session: Session, line: LineRow, old: LineState, new: LineState, word: Word) -> None:
    pairs = {
        LineState.SENT: (on_the_way(line.bank), treasury(line.programme)),
        LineState.PAID: (holder(line.bank, line.account), on_the_way(line.bank)),
        LineState.FAILED: (treasury(line.programme), on_the_way(line.bank)),
        LineState.REVERSED: (treasury(line.programme), holder(line.bank, line.account)),
    }
    # REPAID -> FAILED says that the original is owed again; its own money went home when it failed.
    if new not in pairs or old is LineState.REPAID:
        return
    debit, credit = pairs[new]
    ledger.post(
        session,
        key=f"{line.e2e_id}:{new.value.lower()}",
        at_ms=word.at_ms,
        debit=debit,
        credit=credit,
        fen=line.fen,
        memo=f"{line.summary} {line.period} {new.value} {word.code}".strip(),
    )


def _tell_original(session: Session, line: LineRow, new: LineState, word: Word) -> None:
    original = repository.line(session, line.repay_of)
    assert original is not None
    if new is LineState.PAID:
        original.repaid_by = line.e2e_id
        note = f"repaid by {line.e2e_id}"
        move_line(session, original, LineState.REPAID, Word(word.at_ms, word.source, original.code, note=note))
    elif new is LineState.REVERSED and original.repaid_by == line.e2e_id:
        original.repaid_by = ""
        note = f"{line.e2e_id} came back"
        move_line(session, original, LineState.FAILED, Word(word.at_ms, word.source, RETURNED, note=note))
