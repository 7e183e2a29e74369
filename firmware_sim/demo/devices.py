"""The devices of a run: each enrols over HTTP with a one-time code, as a new device would, and is then assembled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from card.domain.clock import Clock
from card.domain.entropy import Entropy, SeededEntropy
from card.domain.scene import Place
from keys.algorithms.sm2 import Sm2PrivateKey, generate_sm2
from terminal.clock_guard import ClockGuard
from terminal.enrol import Introduction, enrol
from terminal.errors import LinkDownError
from terminal.facts import FactsCabinet
from terminal.journal_sqlite import SqliteJournal
from terminal.memory_sqlite import SqliteMemory
from terminal.post import Post
from terminal.sync import Notice, Notices, Sync
from terminal.uplink import API, Reply, Uplink, accepted
from terminal.uplink_http import HttpUplink
from terminal.uploader import Uploader

CONSOLE_ID = "console-1"
SYNC_AGE_S, DRIFT_S = 7 * 86_400, 120
REGION = "460100"
# Taking over the cards of 2,000 applicants is some 10,000 changes in one request; nobody waits at a gate for it.
DESK_TIMEOUT_S = 180.0


class CutLine:
    """An uplink with a plug: `down` models the network being away. Implements `Uplink`."""

    def __init__(self, line: Uplink) -> None:
        self._line = line
        self.down = False

    def exchange(self, method: str, path: str, body: object = None) -> Reply:
        """LinkDownError while unplugged."""
        if self.down:
            raise LinkDownError("unplugged")
        return self._line.exchange(method, path, body)  # type: ignore[arg-type]


@dataclass(slots=True)
class Device:
    """What every assembly needs, and the plug of its line."""

    id: str
    post: Post
    journal: SqliteJournal
    journal_path: Path
    memory: SqliteMemory
    line: CutLine
    sync: Sync
    notices: list[Notice]
    on_notice: list[Callable[[Notice], object]]


class Console:
    """The operator's desk: signed requests to the operator endpoints."""

    def __init__(self, url: str, clock: Clock, entropy: Entropy, folder: Path, one_time_code: str) -> None:
        key = generate_sm2()
        self._uplink = HttpUplink.to(url, CONSOLE_ID, key, clock, entropy, DESK_TIMEOUT_S)
        memory = SqliteMemory(folder / f"{CONSOLE_ID}.memory.db")
        who = Introduction(CONSOLE_ID, "console", Place("onecard", "desk", REGION), one_time_code)
        enrol(self._uplink, memory, key, who)

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """`path` below the operator's prefix. Raises ServerRefusedError, LinkDownError."""
        return dict(accepted(self.call(method, path, body), f"{method} {path.partition('?')[0]}"))

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Reply:
        """The reply whatever it says; for refusals that are the point."""
        return self._uplink.exchange(method, f"{API}/operator/{path}", body)

    def download(self, path: str) -> bytes:
        """What is not JSON: the book as a text file."""
        return self._uplink.download(f"{API}/operator/{path}")

    def invite(self, device_id: str, kind: str, place: Place) -> str:
        """A one-time code."""
        body: dict[str, object] = {"device_id": device_id, "kind": kind, "operator": place.operator}
        answer = self.ask("POST", "devices:invite", body | {"site": place.site, "place": place.region})
        return str(answer["one_time_code"])


def make_device(
    console: Console,
    url: str,
    folder: Path,
    who: tuple[str, str, Place],
    psam_no: str,
    clocks: tuple[Clock, Clock],
    seed: int,
) -> Device:
    """Enrol device `who` = (id, kind, place) and build its stores. `clocks` = (clock of the line, device clock)."""
    device_id, kind, place = who
    line_clock, own_clock = clocks
    entropy = SeededEntropy(seed, device_id)
    key: Sm2PrivateKey = generate_sm2()
    line = CutLine(HttpUplink.to(url, device_id, key, line_clock, entropy))
    memory = SqliteMemory(folder / f"{device_id}.memory.db")
    enrolment = enrol(line, memory, key, Introduction(device_id, kind, place, console.invite(*who), psam_no))
    guard = ClockGuard(own_clock, memory, max_sync_age_s=SYNC_AGE_S, max_drift_s=DRIFT_S)
    facts = FactsCabinet(memory, enrolment.facts_key, enrolment.list_key, own_clock, saw_signed_ms=guard.saw)
    path = folder / f"{device_id}.journal.db"
    journal = SqliteJournal(path, enrolment.terminal.hex, entropy, keep_sent=True)
    seen: list[Notice] = []
    handlers: list[Callable[[Notice], object]] = [seen.append]

    def handle(notice: Notice) -> None:
        for handler in handlers:
            handler(notice)

    notices = Notices(line, memory, handle)
    sync = Sync(line, journal, Uploader(journal, line, key), facts, notices, own_clock, guard)
    post = Post(enrolment.terminal, place, own_clock, entropy, facts, guard)
    return Device(device_id, post, journal, path, memory, line, sync, seen, handlers)
