"""Business time read from a file of eight bytes, big-endian ms since 1970 UTC: a simulated clock many processes share.

A stand-in for the machine's clock; `onecard serve` refuses it in production.
"""

from datetime import datetime
from pathlib import Path

from card.config import ConfigError
from card.domain.clock import from_ms

WIDTH = 8


class FileClock:
    """Implements `Clock`; reads the file at every call, so whoever writes it moves time here."""

    def __init__(self, path: Path) -> None:
        """ConfigError when there is no such clock."""
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as bad:
            raise ConfigError(f"no clock file {path}") from bad
        self.now()

    def now(self) -> datetime:
        self._file.seek(0)
        raw = self._file.read(WIDTH)
        if len(raw) != WIDTH:
            raise ConfigError("a clock file holds eight bytes")
        return from_ms(int.from_bytes(raw, "big"))
