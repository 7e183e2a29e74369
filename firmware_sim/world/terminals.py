"""The terminals of a world: real assemblies on real files, each with its own clock, wire, module and card slot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.domain.scene import Place
from firmware_sim.card.slot import Chip
from firmware_sim.rack import DirectRack
from firmware_sim.world.frail import FrailJournal
from firmware_sim.world.line import Line, uplink_over
from terminal.bus.main import BusValidator
from terminal.config import BusConfig, KioskConfig, TerminalConfig, VenueConfig
from terminal.device import Device, Origin, open_device
from terminal.errors import BarrierError
from terminal.hotel.main import HotelDesk
from terminal.kiosk.main import Kiosk
from terminal.uploader import Uploader
from terminal.venue.main import Lane, Venue

LANES = ("A", "B")
# Small, so that a night without a line becomes several batches.
BATCH = 40


class LeaningClock:
    """A device's clock: the world's, off by `lean_s` seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lean_s = 0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.lean_s)


@dataclass(frozen=True, slots=True)
class Spec:
    """What stands where. `psam` numbers the terminal's security module, 0 = none."""

    name: str
    kind: str
    place: Place
    psam: int = 0


@dataclass
class Arm:
    """A barrier. `mood` good | stuck | mute-open | mute-shut; `opened` is told of every real opening, before it."""

    opened: Callable[[], None]
    mood: str = "good"
    up: bool = False

    def open(self) -> None:
        if self.mood in ("stuck", "mute-shut"):
            raise BarrierError(self.mood)
        self.opened()
        self.up = True
        if self.mood == "mute-open":
            raise BarrierError(self.mood)

    def is_open(self) -> bool:
        if self.mood.startswith("mute"):
            raise BarrierError(self.mood)
        return self.up

    def shut(self) -> None:
        self.up = False


@dataclass
class Station:
    """One terminal. `boot` starts its process on its folder; what it keeps there survives the process."""

    spec: Spec
    folder: Path
    clock: LeaningClock
    entropy: Entropy
    line: Line
    rack: DirectRack = field(init=False)
    psam: Chip | None = field(init=False)
    opened: Callable[["Station"], None] = field(init=False)
    device: Device = field(init=False)
    journal: FrailJournal = field(init=False)
    arms: dict[str, Arm] = field(init=False, default_factory=dict)
    lanes: dict[str, Lane] = field(init=False, default_factory=dict)
    bus: BusValidator = field(init=False)
    hotel: HotelDesk = field(init=False)
    kiosk: Kiosk = field(init=False)
    venue: Venue = field(init=False)

    @property
    def card_slot(self) -> str:
        return f"{self.spec.name}-card"

    @property
    def psam_slot(self) -> str:
        return f"{self.spec.name}-psam"

    @property
    def terminal_no(self) -> str:
        """12 hex digits."""
        return self.device.post.terminal.hex

    @property
    def uploader(self) -> Uploader:
        """Uploads alone, without the rest of a sync."""
        return Uploader(self.device.journal, self.device.uplink, self.device.key, BATCH)

    def furnish(
        self, rack: DirectRack, psam: Chip | None, opened: Callable[["Station"], None] = lambda _station: None
    ) -> None:
        """Readers, module, and who hears of a barrier about to open."""
        self.rack, self.psam, self.opened = rack, psam, opened

    def boot(self, one_time_code: str = "") -> None:
        """Start the process; with a code, enrol first. Raises what `open_device` raises."""
        place = self.spec.place
        config = TerminalConfig(self.spec.name, place.operator, place.site, place.region, upload_batch=BATCH)
        origin = Origin(
            config,
            self.spec.kind,
            self.clock,
            self.entropy,
            self.folder,
            psam_no=f"460100{self.spec.psam:06d}" if self.spec.psam else "",
            profile="test",
            keep_sent=True,
        )
        self.device = open_device(
            origin,
            lambda key: uplink_over(self.line, self.spec.name, key, self.clock, self.entropy),
            one_time_code,
        )
        self.journal = FrailJournal(self.device.journal)
        self.power_psam()
        _ASSEMBLIES[self.spec.kind](self)

    def reboot(self) -> None:
        """The process ended; start it again."""
        self.device.close()
        self.boot()

    def power_psam(self) -> None:
        """Put the module back when it fell out."""
        if self.psam is not None and not self.rack.reader(self.psam_slot).card_present():
            self.rack.insert_chip(self.psam_slot, self.psam)


def _bus(station: Station) -> None:
    device, rack = station.device, station.rack
    card, psam = rack.reader(station.card_slot), rack.reader(station.psam_slot)
    station.bus = BusValidator(device.post, BusConfig(), card, psam, station.journal, device.sync)


def _hotel(station: Station) -> None:
    device, rack = station.device, station.rack
    card, psam = rack.reader(station.card_slot), rack.reader(station.psam_slot)
    station.hotel = HotelDesk(device.post, card, psam, station.journal, device.memory, device.sync)
    station.hotel.settle_after_restart()
    device.on_notice = station.hotel.take_notice


def _kiosk(station: Station) -> None:
    device, rack = station.device, station.rack
    station.kiosk = Kiosk(
        device.post,
        KioskConfig(),
        rack.reader(station.card_slot),
        rack.reader(station.psam_slot),
        station.journal,
        device.memory,
        device.uplink,
        device.sync,
    )
    station.kiosk.settle_after_restart()
    device.on_notice = station.kiosk.take_notice


def _venue(station: Station) -> None:
    device = station.device
    station.venue = Venue(device.post, VenueConfig(), station.journal, device.memory, device.uplink, device.sync)
    station.venue.settle_after_restart()
    for name in LANES:
        arm = station.arms.setdefault(name, Arm(lambda: station.opened(station)))
        station.lanes[name] = station.venue.lane(name, arm)


_ASSEMBLIES = {"bus": _bus, "hotel": _hotel, "kiosk": _kiosk, "scenic": _venue}
