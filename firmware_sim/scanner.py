"""A code scanner on a serial line: what it reads, it sends as raw bytes, without frame or terminator."""

import time

from firmware_sim.serial_line import FarEnd

# One start and one stop bit beside eight data bits.
BITS_PER_BYTE = 10
DEFAULT_BAUD = 115_200


class SimScanner:
    """`port` is the tty a terminal opens. `paced`: take the time a real line would at `baud`."""

    def __init__(self, *, baud: int = DEFAULT_BAUD, paced: bool = False) -> None:
        self._line = FarEnd()
        self._byte_s = BITS_PER_BYTE / baud if paced else 0.0

    @property
    def port(self) -> str:
        return self._line.port

    def play(self, code: bytes, *, chunk: int = 64, pause_s: float = 0.0) -> None:
        """Send `code` in pieces of `chunk` bytes with `pause_s` between them, as a USB bridge does."""
        for at in range(0, len(code), chunk):
            piece = code[at : at + chunk]
            if at and pause_s:
                time.sleep(pause_s)
            if self._byte_s:
                time.sleep(self._byte_s * len(piece))
            self._line.write(piece)

    def unplug(self) -> None:
        """The terminal sees the device go."""
        self._line.close()
