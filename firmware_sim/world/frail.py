"""A journal whose process may be killed right before or right after one of its durable writes."""

from dataclasses import dataclass, replace

from card.domain.event import Outcome, TapEvent
from firmware_sim.world.errors import ProcessDiedError
from terminal.journal import EventDraft, JournalState, OpenEntry, StoredEvent, TerminalJournal, Verdict

APPEND, RESOLVE, RECORD, SETTLE, MARK = "append", "resolve", "record", "settle", "mark"
WRITES = (APPEND, RESOLVE, RECORD, SETTLE)


@dataclass(frozen=True, slots=True)
class Death:
    """Kill the process at the `nth` `write` from now; `after` it has become durable, or before."""

    write: str
    after: bool
    nth: int = 1


class FrailJournal:
    """Implements `TerminalJournal` over another one. `death` is used up when it happens."""

    def __init__(self, inner: TerminalJournal) -> None:
        self._inner = inner
        self.death: Death | None = None

    def append(self, draft: EventDraft) -> int:
        self._maybe(APPEND, after=False)
        local = self._inner.append(draft)
        self._maybe(APPEND, after=True)
        return local

    def resolve(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        self._maybe(RESOLVE, after=False)
        event = self._inner.resolve(local, outcome, body)
        self._maybe(RESOLVE, after=True)
        return event

    def record(self, draft: EventDraft) -> TapEvent:
        self._maybe(RECORD, after=False)
        event = self._inner.record(draft)
        self._maybe(RECORD, after=True)
        return event

    def settle(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        self._maybe(SETTLE, after=False)
        event = self._inner.settle(local, outcome, body)
        self._maybe(SETTLE, after=True)
        return event

    def pending(self, subject: str | None = None) -> list[OpenEntry]:
        return self._inner.pending(subject)

    def open_cases(self, subject: str | None = None) -> list[OpenEntry]:
        return self._inner.open_cases(subject)

    def claimed(self, claim: str) -> bool:
        return self._inner.claimed(claim)

    def unsent(self, limit: int) -> list[StoredEvent]:
        return self._inner.unsent(limit)

    def mark(self, seq: int, verdict: Verdict, code: str = "") -> None:
        self._inner.mark(seq, verdict, code)

    def kept(self) -> list[StoredEvent]:
        return self._inner.kept()

    def state(self) -> JournalState:
        return self._inner.state()

    def _maybe(self, write: str, *, after: bool) -> None:
        death = self.death
        if death is None or (death.write, death.after) != (write, after):
            return
        self.death = replace(death, nth=death.nth - 1) if death.nth > 1 else None
        if self.death is None:
            raise ProcessDiedError(f"{'after' if after else 'before'} {write}")
