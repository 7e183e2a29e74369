"""States of a batch and of a line, and the only moves between them (business-rules §5.2)."""

from collections.abc import Mapping
from enum import Enum

from server.benefit.errors import StateError


class LineState(Enum):
    """A line's life; `BLOCKED` carries a rule, `FAILED` a result code, `REPAID` the paying line."""

    READY = "READY"
    BLOCKED = "BLOCKED"
    SENT = "SENT"
    PAID = "PAID"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    REVERSED = "REVERSED"
    REPAID = "REPAID"


class BatchState(Enum):
    DRAFT = "DRAFT"
    CALCULATED = "CALCULATED"
    PUBLICIZED = "PUBLICIZED"
    CHECKED = "CHECKED"
    FIN_APPROVED = "FIN_APPROVED"
    RELEASED = "RELEASED"
    SENT = "SENT"
    BANK_ACCEPTED = "BANK_ACCEPTED"
    PART_RETURNED = "PART_RETURNED"
    RETURNED = "RETURNED"
    RECONCILED = "RECONCILED"
    CLOSED = "CLOSED"
    REJECTED = "REJECTED"
    RECALLED = "RECALLED"


# UNKNOWN never goes back to READY or SENT: the only way out is the bank's own answer.
LINE_MOVES: Mapping[LineState, frozenset[LineState]] = {
    LineState.READY: frozenset({LineState.SENT, LineState.BLOCKED}),
    LineState.BLOCKED: frozenset({LineState.READY}),
    LineState.SENT: frozenset({LineState.PAID, LineState.FAILED, LineState.UNKNOWN}),
    LineState.UNKNOWN: frozenset({LineState.PAID, LineState.FAILED}),
    LineState.PAID: frozenset({LineState.REVERSED}),
    LineState.FAILED: frozenset({LineState.REPAID}),
    LineState.REVERSED: frozenset({LineState.REPAID}),
    # The paying line came back (退票): the original is owed again.
    LineState.REPAID: frozenset({LineState.FAILED}),
}

_B = BatchState
BATCH_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    _B.DRAFT: frozenset({_B.CALCULATED, _B.REJECTED}),
    _B.CALCULATED: frozenset({_B.PUBLICIZED, _B.REJECTED}),
    _B.PUBLICIZED: frozenset({_B.CHECKED, _B.REJECTED}),
    _B.CHECKED: frozenset({_B.FIN_APPROVED, _B.REJECTED}),
    _B.FIN_APPROVED: frozenset({_B.RELEASED, _B.REJECTED}),
    _B.RELEASED: frozenset({_B.SENT, _B.RECALLED}),
    _B.SENT: frozenset({_B.BANK_ACCEPTED, _B.PART_RETURNED, _B.RETURNED}),
    _B.BANK_ACCEPTED: frozenset({_B.PART_RETURNED, _B.RETURNED}),
    _B.PART_RETURNED: frozenset({_B.RETURNED}),
    # A late 退票 re-opens nothing: the line moves, the batch stays returned until it is reconciled again.
    _B.RETURNED: frozenset({_B.RECONCILED}),
    _B.RECONCILED: frozenset({_B.CLOSED}),
    _B.CLOSED: frozenset(),
    _B.REJECTED: frozenset(),
    _B.RECALLED: frozenset(),
}

OPEN_LINES = frozenset({LineState.READY, LineState.SENT, LineState.UNKNOWN})


def check_line_move(old: LineState, new: LineState) -> None:
    """Raises StateError when a line may not go from `old` to `new`."""
    if new not in LINE_MOVES[old]:
        raise StateError(f"a line that is {old.value} cannot become {new.value}")


def check_batch_move(old: BatchState, new: BatchState) -> None:
    """Raises StateError when a batch may not go from `old` to `new`."""
    if new not in BATCH_MOVES[old]:
        raise StateError(f"a batch that is {old.value} cannot become {new.value}")
