"""Event intake over HTTP, on SQLite and on PostgreSQL, beside a route that only inserts the same bytes."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from firmware_sim.bench import postgres
from firmware_sim.bench.errors import BenchSkippedError
from firmware_sim.bench.figure import Effort, Figure, rounded, take_pairs
from firmware_sim.bench.http_client import Clients
from firmware_sim.bench.street import Chips, open_centre
from firmware_sim.bench.uploads import BARE_PATH, EVENTS_PATH, WAITING_PATH, Device, check_answer, real_event

SIZES = (1, 10, 100, 500)
CONNECTIONS = 4
# Batches a connection sends in one block, by size: enough to let commits be shared, few enough to be bounded.
BATCHES = {1: 25, 10: 10, 100: 2, 500: 1}
QUICK_BATCHES = {1: 4, 10: 2, 100: 1, 500: 1}
# Sent before anything is kept: connections, statements and caches are warm afterwards.
WARM_UP = 10
LIMIT_S = 8
STOP_TIMEOUT_S = 10
# Often enough for the rate of the books, seldom enough not to slow them down.
POLL_S = 0.04
_CHECKOUT = Path(__file__).resolve().parents[2]


def run_sqlite(effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`event_intake_sqlite_N`: events a second, N a batch, four devices at once, into a SQLite file.

    An event counts when its device has the answer: judged, durable, its verdict given. The books follow behind the
    answer (`carry = "background"`); `booked_a_second` is the rate up to the moment when they have caught up.
    """
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
    devices = [Device(number, centre, pattern, tac_keys) for number in range(effort.pick(CONNECTIONS, 1))]
    with (
        tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as folder,
        _server(Path(folder), database, devices) as port,
    ):
        clients = Clients(port, len(devices))
        try:
            _figure("warm-up", WARM_UP, clients, devices, Effort(quick=True))
            for name, size in zip(names(engine), SIZES, strict=True):
                if wanted(name):
                    yield _figure(name, size, clients, devices, effort)
        finally:
            clients.close()


def _figure(name: str, size: int, clients: Clients, devices: list[Device], effort: Effort) -> Figure:
    count = (QUICK_BATCHES if effort.quick else BATCHES)[size]
    events = len(devices) * count * size
    sent: list[list[list[bytes]]] = []
    booked: list[float] = []

    def bodies() -> list[list[bytes]]:
        """What both sides of a pair send: made by whichever side comes first."""
        if sent:
            return sent.pop()
        sent.append([[device.batch(size) for _ in range(count)] for device in devices])
        return sent[0]

    def ours() -> float:
        started = perf_counter()
        seconds, answers = clients.send(EVENTS_PATH, bodies())
        while clients.ask(WAITING_PATH) != b"0":
            sleep(POLL_S)
        booked.append(events / (perf_counter() - started))
        for answer in answers:
            check_answer(answer, size)
        return events / seconds

    def bare() -> float:
        seconds, _ = clients.send(BARE_PATH, bodies())
        return events / seconds

    pairs = take_pairs(ours, bare, effort.pick(9, 1), effort, limit_s=LIMIT_S)
    extra = {"events_a_batch": size, "connections": len(devices), "booked_a_second": rounded(median(booked))}
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
