"""Named differences of a reconciliation (business-rules §5.7). Value = text code."""

from dataclasses import dataclass
from enum import Enum


class Difference(Enum):
    MISSING_RET = "R-DIFF-MISSING-RET"
    EXTRA_RET = "R-DIFF-EXTRA-RET"
    AMT_DIFF = "R-DIFF-AMT-DIFF"
    DATE_DIFF = "R-DIFF-DATE-DIFF"
    RETURNED_LATE = "R-DIFF-RETURNED-LATE"
    LEDGER_DIFF = "R-DIFF-LEDGER-DIFF"
    EVENT_DIFF = "R-DIFF-EVENT-DIFF"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: `subject` a line, serial or event; `ours` and `theirs` in fen."""

    kind: Difference
    subject: str
    ours: int
    theirs: int
    note: str = ""
