"""The journal of a terminal: what was about to happen is durable before it happens; an event is minted once.

Life of an entry: `append` makes it durable under a local number -> the act -> `resolve` mints the event (sequence,
chain, canonical bytes) in one transaction and removes the pending row. What a crash leaves behind is found by
`pending`. An entry resolved as uncertain stays findable (`open_cases`) until a later proof closes it with a second
event of type `resolution`.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from card.domain.event import EventId, Outcome, TapEvent


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event without its identity. `subject` finds it again when its card returns (hex of the medium id).

    `claim` is a key this entry uses up: two entries of one journal never hold the same claim (replay of a code).
    `at` is ms UTC of the tap; all dictionaries hold only what canonical bytes allow.
    """

    type: str
    at: int
    facts: dict[str, int]
    credential: dict[str, object]
    decision: dict[str, object]
    body: dict[str, object]
    subject: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """A pending row (`event` is None) or an uncertain one that a proof may still close."""

    local: int
    draft: EventDraft
    event: EventId | None = None


class Verdict(Enum):
    """The server's word on one event (contract §2)."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SUSPECT = "suspect"
    REJECTED = "rejected"


DROPPABLE = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE})


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Canonical bytes ready for upload; `verdict` None until the server has spoken, `code` its reason."""

    seq: int
    raw: bytes
    chain: str
    at: int
    verdict: Verdict | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class JournalState:
    """For the heartbeat and the lamp: waiting counts and the oldest waiting instant (ms UTC, 0 = none waiting)."""

    terminal: str
    epoch: str
    last_seq: int
    unsent: int
    oldest_unsent_at: int
    kept: int
    pending: int
    drop_count: int = field(default=0)


class Journal(Protocol):
    """What the road of a tap needs."""

    def append(self, draft: EventDraft) -> int:
        """Make `draft` durable; returns its local number. Raises ClaimTakenError, JournalFullError."""
        ...

    def resolve(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        """Mint the event of a pending row with `body` laid over the draft's and `outcome` in it; one transaction."""
        ...

    def record(self, draft: EventDraft) -> TapEvent:
        """Mint an event that has no act (a denial, a referral)."""
        ...

    def settle(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        """Close an uncertain entry with a `resolution` event that names the first."""
        ...


class JournalCases(Protocol):
    """What recovery and replay protection ask."""

    def pending(self, subject: str | None = None) -> list[OpenEntry]:
        """Rows appended and not resolved, oldest first; of one subject or all."""
        ...

    def open_cases(self, subject: str | None = None) -> list[OpenEntry]:
        """Entries resolved as uncertain and not yet settled, oldest first."""
        ...

    def claimed(self, claim: str) -> bool:
        """Whether an entry of this journal used `claim`."""
        ...


class Outbox(Protocol):
    """What the uploader needs."""

    def unsent(self, limit: int) -> list[StoredEvent]:
        """Events without a verdict, by sequence."""
        ...

    def mark(self, seq: int, verdict: Verdict, code: str = "") -> None:
        """Keep the verdict; an accepted or duplicate event's bytes may be dropped now, others are kept and shown."""
        ...

    def kept(self) -> list[StoredEvent]:
        """Events the server did not accept: conflicts, suspects, rejections."""
        ...

    def state(self) -> JournalState:
        """Identity and counts."""
        ...


class TerminalJournal(Journal, JournalCases, Outbox, Protocol):
    """All three faces; what an assembly hands around."""
