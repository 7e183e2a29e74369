"""Card side of the vpcd reader driver: how a chip in software shows up in the real PC/SC daemon.

Each message, both ways, is a 2-byte big-endian length and a body. A body of one byte from the driver is a control:
00 power off, 01 power on, 02 reset, 04 ATR request; only 04 is answered. Any other body is a command APDU.
"No card" is a closed connection: answering an ATR request with nothing hangs the driver.
"""

import socket
import threading
import time
from contextlib import suppress

from firmware_sim.card.slot import EmptySlotError, Slot

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4
CONNECT_RETRY_S = 0.05
# A card swapped faster than the daemon looks is never seen to leave.
GUARD_LOOKS, GUARD_S = 1, 0.05
# A card torn out of a command: the daemon hears of it from the failed command first and looks some time later.
TORN_GUARD_S = 0.5
RECEIVE = 65_538


class _Closed(Exception):
    """The driver has closed the connection."""


class _Wire:
    """Framing over one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self) -> bytes:
        """One body."""
        size = int.from_bytes(self._take(2), "big")
        return self._take(size)

    def send(self, body: bytes) -> None:
        """One body, in one segment."""
        self._connection.sendall(len(body).to_bytes(2, "big") + body)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            # The driver sends length and body apart; without an immediate acknowledgement of the first it waits
            # 40 ms with the second. The kernel forgets the wish, so it is repeated before every receive.
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._connection.recv(RECEIVE)
            if not part:
                raise _Closed
            self._buffer += part
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body


class VpcdLink:
    """Keeps one slot connected to one driver port for as long as a chip is in it."""

    def __init__(self, slot: Slot, port: int, looks_ms: int) -> None:
        """`looks_ms`: how often the daemon looks into the slot."""
        self.slot = slot
        self.lag_ms = 0
        self._port = port
        self._guard_s = GUARD_LOOKS * looks_ms / 1000 + GUARD_S
        self._connection: socket.socket | None = None
        self._inserted = threading.Event()
        self._seen = threading.Event()
        self._pulled = threading.Event()
        self._stopping = threading.Event()
        self._left_at = 0.0
        self._torn = False
        self._thread = threading.Thread(target=self._run, name=f"vpcd-{slot.name}", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let go of the chip."""
        self._stopping.set()
        self.eject()
        self._inserted.set()
        self._thread.join(timeout=2)

    def announce(self, timeout_s: float) -> bool:
        """The slot has a chip: connect. True once the driver has asked for its ATR."""
        self._seen.clear()
        self._pulled.clear()
        self._inserted.set()
        return self._seen.wait(timeout_s)

    def eject(self) -> None:
        """Take the chip out and let the driver see it go."""
        self._inserted.clear()
        self._pulled.set()
        self.slot.eject()
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def seen_gone(self) -> None:
        """The reader has said that the slot is empty: the next chip need not wait.

        After a tear the reader says so because a command failed, and its daemon has not looked yet: then it waits.
        """
        if not self._torn:
            self._left_at = 0.0

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._inserted.wait()
            if not self.slot.occupied:
                self._inserted.clear()
                continue
            self._serve_once()

    def _serve_once(self) -> None:
        pause = self._left_at + (TORN_GUARD_S if self._torn else self._guard_s) - time.monotonic()
        if pause > 0 and self._stopping.wait(pause):
            return
        try:
            connection = socket.create_connection(("127.0.0.1", self._port), timeout=2)
        except OSError:
            self._stopping.wait(CONNECT_RETRY_S)
            return
        with connection:
            connection.settimeout(None)
            self._connection = connection
            self._torn = False
            with suppress(_Closed, OSError, EmptySlotError):
                self._serve(_Wire(connection))
            self._connection = None
        self._left_at = time.monotonic()

    def _serve(self, wire: _Wire) -> None:
        while self.slot.occupied:
            body = wire.receive()
            if len(body) != 1:
                answer = self._exchange(body)
                if self.lag_ms and self._pulled.wait(self.lag_ms / 1000):
                    return
                wire.send(answer)
            elif body[0] == GET_ATR:
                wire.send(self.slot.atr())
                self._seen.set()
            elif body[0] in (POWER_ON, RESET, POWER_OFF):
                self.slot.reset()

    def _exchange(self, apdu: bytes) -> bytes:
        try:
            return self.slot.exchange(apdu)
        finally:
            # Noted before the driver can tell anybody, so that nobody puts the chip back in between. A chip may also be
            # torn away behind its answer.
            if not self.slot.occupied:
                self._torn = not self._pulled.is_set()
