"""Serial lines made of ptys: what stands at the far end is a program, the near end is a real tty for pyserial.

A pty does not pace bytes by baud rate, so a device that cares about line time sleeps itself.
"""

import os
import select
import threading
import tty

CHUNK = 4096
POLL_S = 0.2


class FarEnd:
    """One pty: `port` is the tty the terminal opens; `write` and `read` are the device's side."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        # Held open: without a holder the pty hangs up between two users of the tty.
        self._slave = slave

    def write(self, data: bytes) -> None:
        """Put bytes on the line."""
        while data:
            data = data[os.write(self._master, data) :]

    def read(self, timeout_s: float = POLL_S) -> bytes:
        """What has arrived; b"" when nothing came in time or the line is closed."""
        try:
            ready, _, _ = select.select([self._master], [], [], timeout_s)
            return os.read(self._master, CHUNK) if ready else b""
        except (OSError, ValueError):
            return b""

    def close(self) -> None:
        """Pull the cable: the terminal's next read fails."""
        for end in (self._slave, self._master):
            os.close(end)


class Cable:
    """Two ttys joined by a thread: `near` for the terminal, `far` for a device that wants a tty of its own."""

    def __init__(self) -> None:
        self._ends = (FarEnd(), FarEnd())
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._carry, args=(a, b), daemon=True) for a, b in (self._ends, self._ends[::-1])
        ]
        for thread in self._threads:
            thread.start()

    @property
    def near(self) -> str:
        return self._ends[0].port

    @property
    def far(self) -> str:
        return self._ends[1].port

    def _carry(self, source: FarEnd, target: FarEnd) -> None:
        while not self._stop.is_set():
            data = source.read()
            if data:
                target.write(data)

    def close(self) -> None:
        """End the threads, then the ttys."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()
