"""A code scanner on a serial line (the only file of this floor that imports pyserial).

A raw binary code may hold CR, LF and NUL, so no terminator can end it (qr-and-acceptance §6.1). The frame is the
code's own: first byte 80h or above, then a two-byte length (total minus three, qr-and-acceptance §2.2); anything else
ends by a gap on the line. 115200 baud is required: 364 bytes at 9600 baud alone would take 380 ms.
"""

import time

import serial

from terminal.errors import ScannerLostError

BAUD = 115200
# At 115200 baud a character takes 87 µs; a pause far above five of them ends a frame of unknown length.
GAP_S = 0.03
CERTIFIED_FORM = 0x80
HEADER = 3
MAX_FRAME = 1024


class SerialScanner:
    """Implements `Scanner` on one tty."""

    def __init__(self, port: str, gap_s: float = GAP_S) -> None:
        """Open `port`; silence of `gap_s` ends a frame. ScannerLostError when it cannot be opened."""
        try:
            self._line = serial.Serial(port, BAUD, timeout=gap_s)
        except (serial.SerialException, OSError) as bad:
            raise ScannerLostError(port) from bad

    def scan(self, timeout_ms: int) -> bytes | None:
        """The next frame within `timeout_ms`; what a torn frame left on the line is thrown away by the gap."""
        deadline = time.monotonic() + timeout_ms / 1000
        frame = b""
        while True:
            more = self._read(_wanted(frame))
            frame += more
            if frame and (not more or len(frame) >= MAX_FRAME or _complete(frame)):
                return frame
            if not frame and time.monotonic() >= deadline:
                return None

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._line.read(size))
        except (serial.SerialException, OSError) as bad:
            raise ScannerLostError(self._line.port or "") from bad

    def close(self) -> None:
        """Let the line go."""
        self._line.close()


def _wanted(frame: bytes) -> int:
    """How many bytes may be asked for without reading into the next frame."""
    if len(frame) < HEADER:
        return HEADER - len(frame)
    if frame[0] >= CERTIFIED_FORM:
        return max(1, _total(frame) - len(frame))
    return 1


def _complete(frame: bytes) -> bool:
    return len(frame) >= HEADER and frame[0] >= CERTIFIED_FORM and len(frame) >= _total(frame)


def _total(frame: bytes) -> int:
    return min(MAX_FRAME, HEADER + int.from_bytes(frame[1:3], "big"))
