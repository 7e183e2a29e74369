"""Stopwatches around the doors of a terminal: how much of a tap is spent behind them."""

from time import perf_counter_ns
from types import TracebackType

from card.domain.event import Outcome, TapEvent
from card.readers.reader import Reader
from card.wire import CardChannel
from terminal.journal import EventDraft, JournalState, OpenEntry, StoredEvent, TerminalJournal, Verdict

NS_A_MS = 1_000_000


class Stopwatch:
    """Adds up the time inside its `with` blocks."""

    def __init__(self) -> None:
        self._spent = 0
        self._since = 0

    def __enter__(self) -> None:
        self._since = perf_counter_ns()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spent += perf_counter_ns() - self._since

    @property
    def spent_ms(self) -> float:
        return self._spent / NS_A_MS

    def reset(self) -> None:
        self._spent = 0


class TimedReader:
    """A reader whose connecting, exchanging and letting go are timed."""

    def __init__(self, inner: Reader, watch: Stopwatch) -> None:
        self._inner = inner
        self._watch = watch

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        with self._watch:
            channel = self._inner.connect()
        return _TimedChannel(channel, self._watch)

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)


class _TimedChannel:
    def __init__(self, inner: CardChannel, watch: Stopwatch) -> None:
        self._inner = inner
        self._watch = watch

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        with self._watch:
            return self._inner.transmit(apdu)

    def reset(self) -> bytes:
        with self._watch:
            return self._inner.reset()

    def close(self) -> None:
        with self._watch:
            self._inner.close()


class TimedJournal:
    """A journal timed at every call."""

    def __init__(self, inner: TerminalJournal, watch: Stopwatch) -> None:
        self._inner = inner
        self._watch = watch

    def append(self, draft: EventDraft) -> int:
        with self._watch:
            return self._inner.append(draft)

    def resolve(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        with self._watch:
            return self._inner.resolve(local, outcome, body)

    def record(self, draft: EventDraft) -> TapEvent:
        with self._watch:
            return self._inner.record(draft)

    def settle(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        with self._watch:
            return self._inner.settle(local, outcome, body)

    def pending(self, subject: str | None = None) -> list[OpenEntry]:
        with self._watch:
            return self._inner.pending(subject)

    def open_cases(self, subject: str | None = None) -> list[OpenEntry]:
        with self._watch:
            return self._inner.open_cases(subject)

    def claimed(self, claim: str) -> bool:
        with self._watch:
            return self._inner.claimed(claim)

    def unsent(self, limit: int) -> list[StoredEvent]:
        with self._watch:
            return self._inner.unsent(limit)

    def mark(self, seq: int, verdict: Verdict, code: str = "") -> None:
        with self._watch:
            self._inner.mark(seq, verdict, code)

    def kept(self) -> list[StoredEvent]:
        with self._watch:
            return self._inner.kept()

    def state(self) -> JournalState:
        with self._watch:
            return self._inner.state()
