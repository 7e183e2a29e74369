"""Control of a running set of readers: one JSON object a line over a Unix socket, one answer a line.

Requests: {"do":"insert","slot","chip"} · {"do":"eject","slot"} · {"do":"swap","slot","chip"} ·
{"do":"lag","slot","ms"} (every answer so much later) · {"do":"fault","slot","kind","ins","nth"} ·
{"do":"list"}. Answers: {"ok":true,...} or {"ok":false,"code","detail"}.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from firmware_sim.errors import SimError

SOCKET_NAME = "control.sock"
MAX_LINE = 65_536
MAX_ANSWER = 8_388_608  # the times of 4096 commands
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 20.0

Answer = Mapping[str, Any]
Serve = Callable[[Mapping[str, Any]], Answer]


class RefusedError(SimError):
    """The other side of the control socket said no; `code` is its code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]


class ControlLostError(SimError):
    """Nobody answers on the control socket."""

    code = "E-SIM-CONTROL"


class ControlServer:
    """Answers requests with `serve`, a thread for each connection; `serve` raises SimError to refuse."""

    def __init__(self, path: Path, serve: Serve) -> None:
        self._serve = serve
        self._path = path
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(32)
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            while line := lines.readline(MAX_LINE):
                connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is an object")
            return {"ok": True, **self._serve(request)}
        except SimError as refused:
            return {"ok": False, "code": refused.code, "detail": str(refused)}
        except (ValueError, KeyError, TypeError) as bad:
            return {"ok": False, "code": "E-SIM-REQUEST", "detail": f"{type(bad).__name__}: {bad}"}


def ask(path: Path, request: Mapping[str, object]) -> dict[str, Any]:
    """One request, one answer. Raises ControlLostError, RefusedError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(str(path))
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.sendall(json.dumps(dict(request)).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline(MAX_ANSWER)
    except OSError as bad:
        raise ControlLostError(f"{path}: {bad}") from bad
    if not line:
        raise ControlLostError(f"{path}: connection closed")
    answer: dict[str, Any] = json.loads(line)
    if not answer.get("ok"):
        raise RefusedError(str(answer.get("code")), str(answer.get("detail")))
    return answer
