"""An outbox that hides its older events, so that an uploader sends the newest first."""

from terminal.journal import JournalState, Outbox, StoredEvent, Verdict

ALL = 100_000


class Newest:
    """Implements `Outbox` over another one: only the newest `count` events wait."""

    def __init__(self, inner: Outbox, count: int) -> None:
        self._inner = inner
        self._count = count

    def unsent(self, limit: int) -> list[StoredEvent]:
        waiting = self._inner.unsent(ALL)[-self._count :] if self._count else []
        self._count = 0
        return waiting[-limit:]

    def mark(self, seq: int, verdict: Verdict, code: str = "") -> None:
        self._inner.mark(seq, verdict, code)

    def kept(self) -> list[StoredEvent]:
        return self._inner.kept()

    def state(self) -> JournalState:
        return self._inner.state()
