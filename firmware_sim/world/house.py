"""The server of a world: the real application over an in-memory store that outlives its process.

Requests reach it as ASGI calls on this thread; with no worker threads nothing in it ever waits, so a request is one
function call. The store is a shared in-memory SQLite, held open by `_disk` while the server is down.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from firmware_sim.world.errors import ProcessDiedError
from keys.centre import KeyCentre
from server.config import ServerConfig
from server.context import Connectors, Context
from server.events.store import Batch, EventStore, Receipt
from server.main import close, create_app

CONSOLE_CODE = "first-console"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and body."""

    status: int
    body: bytes


class House:
    """The server: `exchange` serves one request, `restart` ends its process and starts it on the same store."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        entropy: Entropy,
        centre: KeyCentre,
        connectors: Connectors,
        template: sqlite3.Connection | None = None,
    ) -> None:
        """`template` is copied as the store to start with; without one it is migrated anew."""
        name = f"file:onecard-world-{next(_numbers)}?mode=memory&cache=shared"
        self._disk = sqlite3.connect(name, uri=True)
        if template is not None:
            template.backup(self._disk)
        config = ServerConfig(
            data_dir=folder,
            database=f"sqlite:///{name}&uri=true",
            profile="test",
            worker_threads=0,
            console_code=CONSOLE_CODE,
        )
        self._start: Callable[[], Any] = lambda: create_app(
            config, clock=clock, entropy=entropy, centre=centre, connectors=connectors
        )
        self._app = self._start()
        self.restarts = 0

    @property
    def context(self) -> Context:
        """The running server's services."""
        found: Context = self._app.state.context
        return found

    def exchange(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """One request, served to its end. ProcessDiedError when the server dies over it (it is up again by then)."""
        call = _Call(method, target, headers, content)
        try:
            call.run(self._app)
        except ProcessDiedError:
            self.restart()
            raise
        return Answer(call.status, bytes(call.body))

    def restart(self) -> None:
        """End the process, start it again on the same store."""
        close(self._app)
        self._app = self._start()
        self.restarts += 1

    def die_after_storing(self) -> None:
        """The next batch is stored, and the process dies before it is carried into the books or answered."""
        self._app.state.events = _DyingStore(self._app.state.events)

    def copy(self) -> sqlite3.Connection:
        """The store as it is, to start other worlds from."""
        kept = sqlite3.connect(":memory:")
        self._disk.backup(kept)
        return kept

    def close(self) -> None:
        """End the process and forget the store."""
        close(self._app)
        self._disk.close()


class _DyingStore:
    """Implements `EventStore` once."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def add(self, batch: Batch) -> Receipt:
        await self._store.add(batch)
        raise ProcessDiedError("after storing")

    async def close(self) -> None:
        await self._store.close()


class _Call:
    """One request in ASGI's words."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> None:
        path, _, query = target.partition("?")
        self._content: bytes | None = content
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        self.status = 0
        self.body = bytearray()

    def run(self, app: Any) -> None:
        """Drive the application's coroutine; it must not wait for anything outside this thread."""
        coroutine = app(self._scope, self._receive, self._send)
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise RuntimeError("the server waited for another thread: a world needs worker_threads=0")

    async def _receive(self) -> dict[str, Any]:
        content, self._content = self._content, None
        if content is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": content, "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        else:
            self.body += message.get("body", b"")
