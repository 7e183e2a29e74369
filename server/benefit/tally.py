"""Where a batch stands, computed from its lines."""

from server.benefit import repository
from server.benefit.rows import BatchRow
from server.benefit.states import BATCH_MOVES, BatchState, LineState
from server.benefit.steps import move_batch
from server.database import Session


def settle_batch(session: Session, batch: BatchRow, at_ms: int) -> None:
    """PART_RETURNED while a line is open, RETURNED when none is."""
    session.flush()
    counts = repository.counts(session, batch.batch_no)
    waiting = any(state.value in counts for state in (LineState.SENT, LineState.UNKNOWN))
    wanted = BatchState.PART_RETURNED if waiting else BatchState.RETURNED
    if wanted in BATCH_MOVES[BatchState(batch.state)]:
        move_batch(batch, wanted, at_ms)
