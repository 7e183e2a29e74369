"""The local service behind the C library: loopback only, callers who read the token file only, one at a time a reader.

A caller that is between two steps keeps the reader until it goes on, goes away, or its time is over; others wait for
`busy_timeout_s` and then get -11.
"""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

from card.domain.entropy import Entropy
from card.errors import CardDataError
from terminal.errors import TerminalError, WireFormatError
from terminal.ldt33.codes import Code
from terminal.ldt33.frames import (
    MAGIC,
    MAX_FRAME,
    NONCE,
    PROOF,
    TOKEN,
    Address,
    build_answer,
    parse_request,
    proof,
    proven,
)
from terminal.ldt33.library import Answer, Ldt33Library

LOOPBACK = "127.0.0.1"
CALLERS_MAX = 8
GREETING_S = 5.0
TICK_S = 0.25
FRAME_S = 10.0


class ServiceError(TerminalError):
    """The service cannot listen, or cannot write its token file."""

    code = "E-LDT33-SERVICE"


class Turns:
    """Whose turn it is at the reader."""

    def __init__(self, library: Ldt33Library, busy_s: float) -> None:
        self._library = library
        self._busy_s = busy_s
        self._changed = threading.Condition()
        self._holder: object | None = None
        self._calling = False

    def call(self, caller: object, name: str, arguments: tuple[int | str, ...]) -> Answer:
        """Run one function when it is the caller's turn; -11 when it does not come in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free_for(caller), self._busy_s):
                return Answer(Code.READER, detail="another caller is between two steps")
            self._holder, self._calling = caller, True
        try:
            return self._library.call(name, arguments)
        finally:
            with self._changed:
                self._calling = False
                if not self._library.waiting:
                    self._holder = None
                self._changed.notify_all()

    def leave(self, caller: object) -> None:
        """A caller has gone; what it left half done ends."""
        with self._changed:
            if self._holder is caller and not self._calling:
                self._library.forget()
                self._holder = None
                self._changed.notify_all()

    def tick(self) -> None:
        """End a sequence of steps whose time is over."""
        with self._changed:
            if self._calling:
                return
            self._library.expire()
            if not self._library.waiting and self._holder is not None:
                self._holder = None
                self._changed.notify_all()

    def _free_for(self, caller: object) -> bool:
        return not self._calling and self._holder in (None, caller)


class Service:
    """Listens from the moment it is made until `close`. `address` is what the token file says."""

    def __init__(self, library: Ldt33Library, entropy: Entropy, token_file: Path, busy_s: float, port: int = 0) -> None:
        """`port` 0 takes a free one. Raises ServiceError."""
        self._turns = Turns(library, busy_s)
        self._entropy = entropy
        self._file = token_file
        self._closing = threading.Event()
        self._strangers: dict[socket.socket, None] = {}  # not introduced yet, oldest first
        self._callers: set[socket.socket] = set()
        self._door = threading.Lock()
        self._listener = _listen(port)
        self.address = Address(self._listener.getsockname()[1], entropy.token(TOKEN))
        try:
            _write_private(token_file, self.address.text())
        except OSError as bad:
            self._listener.close()
            raise ServiceError(f"{token_file}: {bad.strerror}") from bad

    def serve(self) -> None:
        """Until `close` is called from elsewhere."""
        while not self._closing.is_set():
            self._turns.tick()
            try:
                caller, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                break
            if len(self._callers) >= CALLERS_MAX:
                caller.close()
                continue
            for stranger in list(self._strangers)[: 1 - CALLERS_MAX]:
                _hang_up(stranger)  # who says nothing keeps nobody out
            self._strangers[caller] = None
            threading.Thread(target=self._attend, args=(caller,), daemon=True).start()

    def close(self) -> None:
        """Stop listening and hang up; the token file goes away."""
        self._closing.set()
        self._listener.close()
        for caller in (*self._strangers, *self._callers):
            _hang_up(caller)
        with contextlib.suppress(OSError):
            self._file.unlink()

    def _attend(self, caller: socket.socket) -> None:
        try:
            with caller:
                caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._introduced(caller):
                    while self._answer(caller):
                        pass
        except (OSError, WireFormatError):
            pass  # gone, or talking nonsense: either way this connection ends
        finally:
            self._turns.leave(caller)
            self._strangers.pop(caller, None)
            self._callers.discard(caller)

    def _introduced(self, caller: socket.socket) -> bool:
        hello = self._entropy.token(NONCE)
        caller.settimeout(GREETING_S)
        caller.sendall(MAGIC + hello)
        said = _exactly(caller, NONCE + PROOF, GREETING_S)
        if not proven(self.address.token, hello, said):
            return False
        # Seated before it is told so: whoever comes after the last seat's welcome finds the house full.
        with self._door:
            if len(self._callers) >= CALLERS_MAX:
                return False
            self._callers.add(caller)
        self._strangers.pop(caller, None)
        caller.sendall(proof(self.address.token, b"S", hello, said[:NONCE]))
        return True

    def _answer(self, caller: socket.socket) -> bool:
        """One request; False when the caller has gone or the service closes."""
        caller.settimeout(TICK_S)
        while not self._closing.is_set():
            try:
                first = caller.recv(1)
            except TimeoutError:
                continue
            if not first:
                return False
            length = int.from_bytes(first + _exactly(caller, 3, FRAME_S), "big")
            if not 0 < length <= MAX_FRAME - 4:
                raise WireFormatError("length of a request")
            body = _exactly(caller, length, FRAME_S)
            caller.settimeout(FRAME_S)
            caller.sendall(build_answer(self._run(caller, body)))
            return True
        return False

    def _run(self, caller: socket.socket, body: bytes) -> Answer:
        try:
            request = parse_request(body)
        except CardDataError:
            return Answer(Code.BAD_CHARACTER)
        return self._turns.call(caller, request.name, request.arguments)


def _hang_up(caller: socket.socket) -> None:
    with contextlib.suppress(OSError):
        caller.shutdown(socket.SHUT_RDWR)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(CALLERS_MAX)
    except OSError as taken:
        listener.close()
        raise ServiceError(f"port {port}: {taken.strerror}") from taken
    listener.settimeout(TICK_S)
    return listener


def _exactly(caller: socket.socket, length: int, seconds: float) -> bytes:
    """`length` bytes within `seconds`; WireFormatError when they do not come."""
    deadline, found = time.monotonic() + seconds, b""
    while len(found) < length:
        left = deadline - time.monotonic()
        if left <= 0:
            raise WireFormatError("too slow")
        caller.settimeout(left)
        try:
            part = caller.recv(length - len(found))
        except TimeoutError:
            raise WireFormatError("too slow") from None
        if not part:
            raise WireFormatError("cut off")
        found += part
    return found


def _write_private(path: Path, text: str) -> None:
    """A new file that only this user may read, in the place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    fresh.replace(path)
