"""A limit to waiting: a card that answers late becomes an error, never a hang.

PC/SC has no way to end an exchange from outside. The exchange therefore runs in a thread of its own; when its time is
over the thread is left behind with the reader it waits for, and nothing more is asked of either.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from card.channel import CardChannel, protocol_of
from card.errors import CardError, CardLateError
from card.readers.reader import Reader

PATIENCE_MS = 20_000


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: Any = None
    trouble: CardError | None = None


class _Line:
    """One thread that does one thing at a time for its owner, who may stop waiting."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self.given_up = False
        threading.Thread(target=self._run, name=f"card in {name}", daemon=True).start()

    def do(self, work: Callable[[], Any], limit_ms: int, doing: str) -> Any:
        """What `work` gives or raises. CardLateError after `limit_ms`, and at once ever after."""
        if self.given_up:
            raise CardLateError(f"{doing}: the card still owes its last answer")
        self._work.put(work)
        try:
            outcome = self._done.get(timeout=limit_ms / 1000)
        except queue.Empty:
            self.given_up = True
            raise CardLateError(f"{doing}: no answer in {limit_ms} ms") from None
        if outcome.trouble is not None:
            raise outcome.trouble
        return outcome.result

    def leave(self, work: Callable[[], Any]) -> None:
        """Do `work` when the thread is free, and end; its result is nobody's."""
        self._work.put(work)
        self._work.put(None)

    def end(self) -> None:
        """The thread goes away when it is free."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            outcome = _Outcome(trouble=CardLateError("the thread of this reader has failed"))
            try:
                outcome = _Outcome(work())
            except CardError as trouble:
                outcome = _Outcome(trouble=trouble)
            finally:
                self._done.put(outcome)


class PatientReader:
    """A reader whose cards have `limit_ms` for each answer, the answer to reset included."""

    def __init__(self, inner: Reader, limit_ms: int = PATIENCE_MS) -> None:
        self._inner = inner
        self._limit_ms = limit_ms

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        """As the reader's; CardLateError besides."""
        line = _Line(self.name)
        try:
            channel: CardChannel = line.do(self._inner.connect, self._limit_ms, "power the card")
        except BaseException:
            line.end()
            raise
        return _PatientChannel(channel, line, self._limit_ms)

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)


class _PatientChannel:
    def __init__(self, inner: CardChannel, line: _Line, limit_ms: int) -> None:
        self._inner = inner
        self._line = line
        self._limit_ms = limit_ms

    @property
    def protocol(self) -> str:
        return protocol_of(self._inner)

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        answer: bytes = self._line.do(lambda: self._inner.transmit(apdu), self._limit_ms, "wait for the card")
        return answer

    def reset(self) -> bytes:
        atr: bytes = self._line.do(self._inner.reset, self._limit_ms, "reset the card")
        return atr

    def close(self) -> None:
        """Let go; a card that still owes an answer is let go when it has come, which nobody waits for."""
        if self._line.given_up:
            self._line.leave(self._inner.close)
            return
        self._line.do(self._inner.close, self._limit_ms, "let the card go")
        self._line.end()
