"""The street of every world: which terminals stand where, enrolled and synced once a process, then copied.

Enrolment, invitations, prices and the first facts go over the terminals' own HTTP clients, as on an opening day.
"""

import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from card.domain.clock import SteppedClock
from card.domain.entropy import SeededEntropy
from card.domain.scene import Place
from firmware_sim.rack import DirectRack
from firmware_sim.world.house import CONSOLE_CODE, House
from firmware_sim.world.keys import centre
from firmware_sim.world.line import Line, uplink_over
from firmware_sim.world.terminals import LeaningClock, Spec, Station
from keys.algorithms.sm2 import Sm2PrivateKey
from server.context import Connectors
from server.main import CONSOLE_ID
from terminal.enrol import Introduction, enrol
from terminal.memory import VolatileMemory
from terminal.uplink import API, Uplink, accepted

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
REGION = "460100"
BUS = Place("haikou-bus", "line-k1", REGION)
STREET = (
    Spec("bus-1", "bus", BUS, 1),
    Spec("bus-2", "bus", BUS, 2),
    Spec("hotel-1", "hotel", Place("hotel-1", "front", REGION), 3),
    Spec("kiosk-1", "kiosk", Place("service-hall", "hall-1", REGION), 4),
    Spec("park-1", "scenic", Place("haikou-volcano", "volcano-park", REGION)),
    Spec("park-2", "scenic", Place("haikou-harbour", "harbour-park", REGION)),
)
PRICES: dict[str, object] = {
    "kind": "scenic",
    "full_price": 6_000,
    "senior_half_percent": 50,
    "minor_half_percent": 50,
    "student_percent": 50,
    "free_percent": 0,
    "capacity": 40,
}
MEMORY_FOLDER = Path("/dev/shm")
CONSOLE_SCALAR = (1001).to_bytes(32, "big")
STREAM = -1  # no world has this seed


@dataclass(frozen=True)
class Template:
    """A server's store and the terminals' folders at the end of the opening day."""

    store: sqlite3.Connection
    files: dict[Path, bytes]

    def unpack(self, folder: Path) -> None:
        """The terminals' folders below `folder`."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def quick_folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder in memory where the machine has one: terminals sync every write to it."""
    return tempfile.TemporaryDirectory(prefix="onecard-world-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)


@cache
def opened_street() -> Template:
    """The street after its opening, made once a process."""
    with quick_folder() as name:
        folder, clock = Path(name), SteppedClock(START)
        house = House(folder, clock, SeededEntropy(STREAM, "opening"), centre(), Connectors())
        console = _console(house, clock)
        stations = [_enrolled(spec, folder, house, clock, console) for spec in STREET]
        sites = [PRICES | {"site": spec.place.site} for spec in STREET if spec.kind == "scenic"]
        accepted(console.exchange("POST", f"{API}/operator/facts/policy", {"entries": sites}), "publishing prices")
        for station in stations:
            station.device.sync.run()
            station.device.close()
        files = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        template = Template(house.copy(), files)
        house.close()
        return template


def _console(house: House, clock: SteppedClock) -> Uplink:
    key = Sm2PrivateKey.from_scalar(CONSOLE_SCALAR)
    uplink = uplink_over(Line(house), CONSOLE_ID, key, clock, SeededEntropy(STREAM, CONSOLE_ID))
    who = Introduction(CONSOLE_ID, "console", Place("onecard", "desk", REGION), CONSOLE_CODE)
    enrol(uplink, VolatileMemory(), key, who)
    return uplink


def _enrolled(spec: Spec, folder: Path, house: House, clock: SteppedClock, console: Uplink) -> Station:
    wish = {"device_id": spec.name, "kind": spec.kind, "operator": spec.place.operator}
    wish |= {"site": spec.place.site, "place": REGION}
    answer = accepted(console.exchange("POST", f"{API}/operator/devices:invite", wish), "inviting")
    station = Station(spec, folder / spec.name, LeaningClock(clock), SeededEntropy(STREAM, spec.name), Line(house))
    station.furnish(DirectRack(SeededEntropy(STREAM, "rack")), None)
    station.boot(str(answer["one_time_code"]))
    return station
