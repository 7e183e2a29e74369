"""Business time shared by the processes of one run: eight bytes in a file, big-endian milliseconds since 1970 UTC.

Time moves only when the run moves it, so that one seed gives one history. Not for production: `serve` refuses it there.
"""

import mmap
from datetime import datetime
from pathlib import Path

from card.domain.clock import from_ms, to_ms

WIDTH = 8


class SharedClock:
    """Implements `Clock`; one writer (the run), many readers."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._cell = mmap.mmap(file.fileno(), WIDTH)

    @classmethod
    def create(cls, path: Path, start: datetime) -> "SharedClock":
        """A new clock file standing at `start`."""
        path.write_bytes(to_ms(start).to_bytes(WIDTH, "big"))
        return cls(path)

    def now(self) -> datetime:
        return from_ms(int.from_bytes(self._cell[:WIDTH], "big"))

    def advance(self, seconds: float = 0, *, days: int = 0) -> None:
        """Move business time on. Eight aligned bytes are written at once: a reader sees the old or the new instant."""
        moved = int.from_bytes(self._cell[:WIDTH], "big") + int(seconds * 1000) + days * 86_400_000
        self._cell[:WIDTH] = moved.to_bytes(WIDTH, "big")


class SkewedClock:
    """Another clock, wrong by a fixed number of seconds: a validator whose battery ran down."""

    def __init__(self, true: SharedClock, skew_s: int) -> None:
        self._true, self._skew_ms = true, skew_s * 1000

    def now(self) -> datetime:
        return from_ms(to_ms(self._true.now()) + self._skew_ms)
