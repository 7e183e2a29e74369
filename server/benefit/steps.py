"""The steps of a batch between paper and bank, each by another natural person (SOD-1)."""

from datetime import date

from card.domain.clock import business_date, from_ms
from server.benefit import repository
from server.benefit.errors import NotFoundError, SeparationError, StateError
from server.benefit.moves import Word, move_line
from server.benefit.prepare import load_programme
from server.benefit.rows import BatchRow, LineRow
from server.benefit.states import BatchState, LineState, check_batch_move
from server.database import Session


def load_batch(session: Session, batch_no: str) -> BatchRow:
    """The batch, locked. NotFoundError."""
    batch = repository.batch(session, batch_no)
    if batch is None:
        raise NotFoundError(f"batch {batch_no}")
    return batch


def move_batch(batch: BatchRow, new: BatchState, at_ms: int) -> None:
    """Raises StateError for a move that does not exist."""
    check_batch_move(BatchState(batch.state), new)
    batch.state, batch.moved_at = new.value, at_ms


def publicize(session: Session, batch_no: str, *, actor: str, on: str, proof: str, at_ms: int) -> None:
    """The list hung out on day `on` (YYYYMMDD) with a proof (address or picture). Never ids or accounts on it."""
    batch = load_batch(session, batch_no)
    if not proof:
        raise StateError("a public list needs its proof")
    move_batch(batch, BatchState.PUBLICIZED, at_ms)
    batch.publicized_on, batch.disclosure_proof = on, proof


def check(session: Session, batch_no: str, *, actor: str, at_ms: int) -> None:
    """复核 by another person than the preparer, after the list hung its days. SeparationError, StateError."""
    batch = load_batch(session, batch_no)
    _separate(batch, actor, "check")
    days = load_programme(session, batch.programme).disclosure_days if batch.kind == "roll" else 0
    hung = business_date(from_ms(at_ms)) - date.fromisoformat(batch.publicized_on or "00010101")
    if hung.days < days:
        raise StateError(f"the public list must hang {days} days")
    move_batch(batch, BatchState.CHECKED, at_ms)
    batch.checked_by = actor


def approve(session: Session, batch_no: str, *, actor: str, at_ms: int) -> None:
    """财政审核: procedural check against budget and document number, by a further person."""
    batch = load_batch(session, batch_no)
    _separate(batch, actor, "approve")
    move_batch(batch, BatchState.FIN_APPROVED, at_ms)
    batch.approved_by = actor


def release(session: Session, batch_no: str, *, actor: str, value_date: str, at_ms: int) -> None:
    """签发: from here the mapping stands (MAP-1); by a further person."""
    batch = load_batch(session, batch_no)
    _separate(batch, actor, "release")
    date.fromisoformat(value_date)
    move_batch(batch, BatchState.RELEASED, at_ms)
    batch.released_by, batch.value_date = actor, value_date


def reject(session: Session, batch_no: str, *, actor: str, why: str, at_ms: int) -> None:
    """Send a batch back before release; its lines will never leave, and the roll may come again."""
    batch = load_batch(session, batch_no)
    move_batch(batch, BatchState.REJECTED, at_ms)
    _stop_lines(session, batch, "REJECTED", f"{actor}: {why}", at_ms)


def recall(session: Session, batch_no: str, *, actor: str, why: str, at_ms: int) -> None:
    """Call a released batch back before its files are made. StateError after that."""
    batch = load_batch(session, batch_no)
    move_batch(batch, BatchState.RECALLED, at_ms)
    _stop_lines(session, batch, "RECALLED", f"{actor}: {why}", at_ms)


def authorise_line(session: Session, e2e_id: str, *, actor: str, why: str, at_ms: int) -> None:
    """Let a line pass whose findings ask for a second person's word only; never a blocking rule, never one's own."""
    line = repository.line(session, e2e_id)
    if line is None:
        raise NotFoundError(f"line {e2e_id}")
    batch = load_batch(session, line.batch_no)
    _separate(batch, actor, "authorise")
    if batch.state not in (BatchState.CALCULATED.value, BatchState.PUBLICIZED.value) or " block:" in line.note:
        raise StateError("this line cannot be authorised")
    move_line(session, line, LineState.READY, Word(at_ms, actor, note=f"authorised: {why}"))
    line.rule = ""


def _stop_lines(session: Session, batch: BatchRow, rule: str, why: str, at_ms: int) -> None:
    for line in repository.lines(session, batch.batch_no, states=[LineState.READY]):
        block_line(session, line, rule, why, at_ms)


def block_line(session: Session, line: LineRow, rule: str, why: str, at_ms: int) -> None:
    """A READY line that must not leave."""
    line.rule = rule
    move_line(session, line, LineState.BLOCKED, Word(at_ms, rule, note=why))


def _separate(batch: BatchRow, actor: str, step: str) -> None:
    before = {batch.prepared_by, batch.checked_by, batch.approved_by, batch.released_by} - {""}
    if not actor or actor in before:
        raise SeparationError(f"{step} of {batch.batch_no}: this person has another part in the batch")
