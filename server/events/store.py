"""The one asynchronous path: batches of judged events go in together, verdicts come back after the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

Gap = tuple[int, int]
# A device with more holes than this learns of the rest when the first are filled.
GAPS_MAX = 50


class Verdict(Enum):
    """The server's word on one event (contract §2)."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SUSPECT = "suspect"
    REJECTED = "rejected"


CONFLICT_CODE = "E-EVENT-CONFLICT"
MONEY_CODE = "E-EVENT-MONEY"
# Verdicts that are carried into the books (a suspect event perhaps into suspense).
PROJECTED = frozenset({Verdict.ACCEPTED, Verdict.SUSPECT})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event as judged before it is stored. `claim` "" or the debit it claims for `owner` (an event id)."""

    terminal: str
    epoch: str
    seq: int
    hash: bytes
    raw: bytes = field(repr=False)
    verdict: Verdict = Verdict.ACCEPTED
    code: str = ""
    type: str = ""
    outcome: str = ""
    at_ms: int = 0
    difference: str = ""
    asn: str = ""
    offline_seq: int = -1
    claim: str = ""
    owner: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.terminal, self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one terminal's epoch, received together at `received_ms`."""

    terminal: str
    epoch: str
    received_ms: int
    events: tuple[Incoming, ...]


@dataclass(frozen=True, slots=True)
class Result:
    seq: int
    verdict: Verdict
    code: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Durable when it is returned. `gaps`: holes of this epoch as (first missing, last missing)."""

    results: tuple[Result, ...]
    gaps: tuple[Gap, ...]


class EventStore(Protocol):
    """One contract suite runs on every implementation."""

    async def add(self, batch: Batch) -> Receipt:
        """Store what is new; answers after the commit."""
        ...

    async def close(self) -> None:
        """Finish what waits and let go of the store."""
        ...


def again(incoming: Incoming, stored_hash: bytes, stored: Result) -> Result:
    """The verdict on an id that is held already: the same bytes are no news, other bytes a conflict."""
    if incoming.hash != stored_hash:
        return Result(incoming.seq, Verdict.CONFLICT, CONFLICT_CODE)
    if stored.verdict is Verdict.ACCEPTED:
        return Result(incoming.seq, Verdict.DUPLICATE)
    return stored


def walk(through: int, seqs: Sequence[int]) -> tuple[int, tuple[Gap, ...]]:
    """Given everything up to `through` and the ascending `seqs` behind it: the new unbroken end, and the holes."""
    gaps: list[Gap] = []
    end = through
    for seq in seqs:
        if seq > end + 1 and len(gaps) < GAPS_MAX:
            gaps.append((end + 1, seq - 1))
        end = seq
    unbroken = gaps[0][0] - 1 if gaps else end
    return unbroken, tuple(gaps)


def newest_by_epoch(batches: Sequence[Batch]) -> Mapping[tuple[str, str], None]:
    """The journals a group of batches touches, each once, in order."""
    return {(batch.terminal, batch.epoch): None for batch in batches}
