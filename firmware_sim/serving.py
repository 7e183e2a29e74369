"""The server's process of a run: the real server, its connectors answered by the run's town, time by the run's clock.

Run as `python -m firmware_sim.serving SERVING.json`; prints one JSON line with its URL when it answers, and ends when
its owner dies (standard input closes) or on SIGTERM.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from card.domain.entropy import SystemEntropy
from firmware_sim.errors import SimError
from firmware_sim.shared_clock import SharedClock
from firmware_sim.town import connect
from issuance.database import open_store
from keys.centre import KeyCentre
from keys.settings import KeysConfig, open_test_store
from server.config import ServerConfig
from server.context import Connectors, Context
from server.facts import service as facts
from server.main import create_app

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10
_CHECKOUT = Path(__file__).resolve().parent.parent


class ServerStartError(SimError):
    """The server's process did not come up."""

    code = "E-SIM-SERVER"


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """What the process is told. `data` holds stores and clock, `town` the offices' socket; `port` 0 = any."""

    data: str
    town: str
    console_code: str
    port: int = 0
    database: str = ""
    policy: tuple[dict[str, Any], ...] = ()


class ServerProcess:
    """Starts, kills and starts again the server of one run; the port stays the same, as a real address would."""

    def __init__(self, plan: ServingPlan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._child: subprocess.Popen[str] | None = None
        self.port = plan.port
        self.starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers. ServerStartError."""
        plan = {**_fields(self._plan), "port": self.port}
        path = self._folder / "serving.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(plan), "utf-8")
        log = (self._folder / "server.log").open("a", encoding="utf-8")
        with log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "firmware_sim.serving", str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
            )
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            self.stop()
            raise ServerStartError(f"see {self._folder / 'server.log'}")
        self.port = int(json.loads(line)["port"])
        self.starts += 1

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        if self._child is not None:
            self._child.kill()
            self._reap()

    def stop(self) -> None:
        """Ask it to end, then make sure."""
        if self._child is not None:
            self._child.terminate()
            self._reap()

    def _reap(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _fields(plan: ServingPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in ServingPlan.__slots__}


def run(plan: Mapping[str, Any]) -> None:
    """Serve until told to stop."""
    data = Path(str(plan["data"]))
    police, banks = connect(Path(str(plan["town"])))
    config = ServerConfig(data_dir=data, console_code=str(plan["console_code"]), database=str(plan["database"]))
    connectors = Connectors(
        police=police, banks=banks, accounts=banks, issuance=open_store(f"sqlite:///{data / 'issuance.db'}")
    )
    centre = KeyCentre(open_test_store(KeysConfig(data_dir=data)))
    app = create_app(
        config, clock=SharedClock(data / "clock"), entropy=SystemEntropy(), centre=centre, connectors=connectors
    )
    _publish_policy(app.state.context, list(plan["policy"]))
    # Named as TCP so that the loop switches Nagle's delay off: else every answer on a kept line waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(plan["port"])))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    threading.Thread(target=_end_with_owner, daemon=True).start()
    print(json.dumps({"port": listener.getsockname()[1], "pid": os.getpid()}), flush=True)
    server.run(sockets=[listener])


def _publish_policy(context: Context, entries: list[dict[str, Any]]) -> None:
    """Site prices and age limits of the run, once."""
    with context.store.transaction() as session:
        if entries and facts.current(session, "policy") != entries:
            facts.publish(context, session, "policy", entries)


def _end_with_owner() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text("utf-8")))
