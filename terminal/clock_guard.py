"""Is the clock believable? Never behind the newest signed time seen, set by a server within a limit.

qr-and-acceptance §4.4.
"""

from card.domain.clock import Clock, to_ms
from terminal.memory import Memory

_NEWEST = "clock.newest"
_SYNCED = "clock.synced"
_DRIFT = "clock.drift"
MS = 1000


class ClockGuard:
    """Keeps the newest signed instant and the last comparison with the server, in device memory."""

    def __init__(self, clock: Clock, memory: Memory, *, max_sync_age_s: int, max_drift_s: int) -> None:
        self._clock = clock
        self._memory = memory
        self._max_sync_age_ms = max_sync_age_s * MS
        self._max_drift_ms = max_drift_s * MS

    def saw(self, signed_ms: int) -> None:
        """A signed instant (a bundle's issue time, an own event): time cannot be before it any more."""
        if signed_ms > self._number(_NEWEST):
            self._memory.put(_NEWEST, str(signed_ms).encode())

    def synced(self, server_ms: int) -> None:
        """The server told its time now."""
        now = to_ms(self._clock.now())
        self._memory.put(_SYNCED, str(max(now, server_ms)).encode())
        self._memory.put(_DRIFT, str(abs(now - server_ms)).encode())
        self.saw(server_ms)

    def sure(self) -> bool:
        """Whether codes and dates may be judged by this clock."""
        now = to_ms(self._clock.now())
        synced = self._number(_SYNCED)
        return (
            synced > 0
            and now >= self._number(_NEWEST) - self._max_drift_ms
            and now - synced <= self._max_sync_age_ms
            and self._number(_DRIFT) <= self._max_drift_ms
        )

    def _number(self, name: str) -> int:
        return int(self._memory.get(name) or b"0")
