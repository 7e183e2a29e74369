"""Keeps one reader slot alive: waits for cards to come and go, and outlives the reader and the daemon behind it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from card.channel import CardChannel
from card.errors import CardMuteError, DaemonMissingError, NoCardError, ReaderBusyError, ReaderLostError
from card.readers.reader import Reader

FIRST_PAUSE_MS = 100
LONGEST_PAUSE_MS = 2_000
_SLICE_MS = 1_000


class SlotState(Enum):
    """What a lamp on the device would show."""

    EMPTY = "empty"
    CARD = "card"
    MUTE = "mute"
    BUSY = "busy"
    NO_READER = "no_reader"
    NO_DAEMON = "no_daemon"


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of the slot, with the code of the error behind it ("" when there is none)."""

    state: SlotState
    code: str = ""


class ReaderSupervisor:
    """One slot, supervised. `sleep` takes seconds; `on_change` is told every change of state once.

    The reader is made anew after every failure, because a context to a daemon that was restarted never works again.
    """

    def __init__(
        self,
        open_reader: Callable[[], Reader],
        on_change: Callable[[Change], None] = lambda change: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_reader = open_reader
        self._on_change = on_change
        self._sleep = sleep
        self._reader: Reader | None = None
        self._state: SlotState | None = None
        self._pause_ms = FIRST_PAUSE_MS
        self.renewals = 0

    def next_card(self, timeout_ms: int) -> CardChannel | None:
        """Wait for a card and power it; None when `timeout_ms` passed. A mute card is reported and waited out."""
        deadline = _deadline(timeout_ms)
        while True:
            try:
                if self._opened().wait(True, min(_left(deadline), _SLICE_MS)):
                    channel = self._opened().connect()
                    self._report(SlotState.CARD)
                    return channel
                self._report(SlotState.EMPTY)
            except NoCardError:
                self._report(SlotState.EMPTY)
            except CardMuteError as mute:
                self._report(SlotState.MUTE, mute.code)
                self.wait_removed(_left(deadline))
            except (ReaderBusyError, ReaderLostError, DaemonMissingError) as trouble:
                self._recover(trouble, deadline)
            if _left(deadline) <= 0:
                return None

    def wait_removed(self, timeout_ms: int) -> bool:
        """Wait until the slot is empty; True also when the reader itself is gone. False when `timeout_ms` passed."""
        deadline = _deadline(timeout_ms)
        while True:
            try:
                if self._opened().wait(False, min(_left(deadline), _SLICE_MS)):
                    self._report(SlotState.EMPTY)
                    return True
            except (ReaderLostError, DaemonMissingError) as trouble:
                self._recover(trouble, deadline)
                return True
            if _left(deadline) <= 0:
                return False

    def _opened(self) -> Reader:
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def _recover(self, trouble: ReaderBusyError | ReaderLostError | DaemonMissingError, deadline: float) -> None:
        states = {
            ReaderBusyError.code: SlotState.BUSY,
            DaemonMissingError.code: SlotState.NO_DAEMON,
        }
        self._report(states.get(trouble.code, SlotState.NO_READER), trouble.code)
        if trouble.code != ReaderBusyError.code:
            self._reader = None
            self.renewals += 1
        self._sleep(min(self._pause_ms, max(_left(deadline), 0)) / 1000)
        self._pause_ms = min(self._pause_ms * 2, LONGEST_PAUSE_MS)

    def _report(self, state: SlotState, code: str = "") -> None:
        if state in (SlotState.EMPTY, SlotState.CARD):
            self._pause_ms = FIRST_PAUSE_MS
        if state is not self._state:
            self._state = state
            self._on_change(Change(state, code))


def _deadline(timeout_ms: int) -> float:
    return time.monotonic() + timeout_ms / 1000


def _left(deadline: float) -> int:
    """Milliseconds left, never negative."""
    return max(0, int((deadline - time.monotonic()) * 1000))
