"""Event intake over HTTP, on SQLite and on PostgreSQL, beside a route that only inserts the same bytes."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_sim.bench import postgres
from firmware_sim.bench.errors import BenchSkippedError
from firmware_sim.bench.figure import Effort, Figure, take_pairs
from firmware_sim.bench.http_client import Clients
from firmware_sim.bench.intake_serving import BARE_PATH
from firmware_sim.bench.street import Chips, open_centre
from firmware_sim.bench.uploads import Device, check_answer, real_event

SIZES = (1, 10, 100, 500)
CONNECTIONS = 4
# Batches a connection sends in one block, by size: enough to let commits be shared, few enough to be bounded.
BATCHES = {1: 25, 10: 10, 100: 2, 500: 1}
QUICK_BATCHES = {1: 4, 10: 2, 100: 1, 500: 1}
EVENTS_PATH = "/api/v1/events:batch"
STOP_TIMEOUT_S = 10
_CHECKOUT = Path(__file__).resolve().parents[2]


def run_sqlite(effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`event_intake_sqlite_N`: events a second, N a batch, four devices at once, into a SQLite file."""
    yield from _run("sqlite", "", effort, wanted)


def run_postgres(effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`event_intake_pg_N`: the same into PostgreSQL with fsync on."""
    with postgres.cluster() as url:
        yield from _run("pg", url, effort, wanted)


def names(engine: str) -> tuple[str, ...]:
    """Figures of one engine."""
    return tuple(f"event_intake_{engine}_{size}" for size in SIZES)


def _run(engine: str, database: str, effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    centre = open_centre()
    pattern, tac_keys = real_event(centre, Chips.make(centre)), dict[str, bytes]()
    devices = [Device(number, centre, pattern, tac_keys) for number in range(CONNECTIONS)]
    with (
        tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as folder,
        _server(Path(folder), database, devices) as port,
    ):
        clients = Clients(port, CONNECTIONS)
        try:
            for name, size in zip(names(engine), SIZES, strict=True):
                if wanted(name):
                    yield _figure(name, size, clients, devices, effort)
        finally:
            clients.close()


def _figure(name: str, size: int, clients: Clients, devices: list[Device], effort: Effort) -> Figure:
    count = (QUICK_BATCHES if effort.quick else BATCHES)[size]
    sent: list[list[list[bytes]]] = []

    def bodies() -> list[list[bytes]]:
        """What both sides of a pair send: made by whichever side comes first."""
        if sent:
            return sent.pop()
        sent.append([[device.batch(size) for _ in range(count)] for device in devices])
        return sent[0]

    def ours() -> float:
        seconds, answers = clients.send(EVENTS_PATH, bodies())
        for answer in answers:
            check_answer(answer, size)
        return CONNECTIONS * count * size / seconds

    def bare() -> float:
        seconds, _ = clients.send(BARE_PATH, bodies())
        return CONNECTIONS * count * size / seconds

    take_pairs(ours, bare, 1, Effort(effort.quick))  # connections, statements and caches are warm afterwards
    pairs = take_pairs(ours, bare, effort.pick(9, 1), effort, limit_s=10)
    extra = {"events_a_batch": size, "connections": CONNECTIONS}
    return Figure(name, "events/s", "route that only inserts", "higher", pairs, extra)


@contextmanager
def _server(folder: Path, database: str, devices: list[Device]) -> Iterator[int]:
    plan = {
        "data": str(folder),
        "database": database,
        "devices": [{"terminal_no": d.terminal_no, "public_key": d.key.public.raw().hex()} for d in devices],
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), "utf-8")
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "firmware_sim.bench.intake_serving", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=_CHECKOUT,
        )
    try:
        line = child.stdout.readline() if child.stdout else ""
        if not line:
            raise BenchSkippedError((folder / "server.log").read_text("utf-8")[-500:])
        yield int(json.loads(line)["port"])
    finally:
        _stop(child)


def _stop(child: "subprocess.Popen[str]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
