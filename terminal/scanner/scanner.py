"""The scanner, as a gate's errand sees it."""

from typing import Protocol


class Scanner(Protocol):
    """Gives whole codes as bytes, never text: signed codes are binary."""

    def scan(self, timeout_ms: int) -> bytes | None:
        """The next code, or None when nothing was shown in time. ScannerLostError when the device is gone."""
        ...
