"""The street of a run: a bus, a kiosk, a hotel desk, two venues; real assemblies over real readers and lines."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from card.domain.clock import Clock
from card.domain.scene import Place
from firmware_sim.card.factory import TwinFactory
from firmware_sim.demo.devices import REGION, Console, Device, make_device
from firmware_sim.gate import SimGate
from firmware_sim.rack import Rack
from firmware_sim.scanner import SimScanner
from terminal.bus.main import BusValidator
from terminal.camera.camera import Camera
from terminal.camera.second_opinion import second_opinion
from terminal.camera.zxing import ZxingReader
from terminal.config import BusConfig, KioskConfig, VenueConfig
from terminal.counter.main import CounterDesk
from terminal.gate.modbus_relay import ModbusLine, ModbusRelay
from terminal.hotel.main import HotelDesk
from terminal.kiosk.main import Kiosk
from terminal.scanner.serial_scanner import SerialScanner
from terminal.venue.main import Lane, Venue

BUS = Place("haikou-bus", "line-k1", REGION)
KIOSK = Place("onecard", "branch-1", REGION)
HOTEL = Place("seaview-hotel", "front-desk", REGION)
PARK = Place("haikou-volcano", "volcano-park", REGION)
PARK_SOUTH = Place("haikou-volcano", "volcano-park", REGION)
PSAM_NUMBERS = {"bus": 1, "hotel": 2, "kiosk": 3, "counter": 4}


@dataclass(frozen=True, slots=True)
class Line:
    """Where the street's devices find the server, and what time they believe. `bus_clock` may be wrong."""

    console: Console
    url: str
    clock: Clock
    bus_clock: Clock
    seed: int


@dataclass(slots=True)
class Street:
    """Assembled devices. `lane_a` and `lane_b` share the venue's journal; `south` is another gate house of the park."""

    bus: BusValidator
    kiosk: Kiosk
    hotel: HotelDesk
    counter: CounterDesk
    venue: Venue
    lane_a: Lane
    lane_b: Lane
    south: Venue
    south_lane: Lane
    camera: Camera
    scanner: SimScanner
    scanner_port: SerialScanner
    gates: dict[str, SimGate]
    devices: dict[str, Device]

    def sync_all(self) -> None:
        """Every device whose line is up talks to the server. LinkDownError when one is not."""
        for device in self.devices.values():
            device.sync.run()


def open_street(line: Line, rack: Rack, factory: TwinFactory, folder: Path, closing: ExitStack) -> Street:
    """Make PSAMs, enrol devices, assemble. Everything opened is closed by `closing`."""
    folder.mkdir(exist_ok=True)
    psams = _psams(rack, factory, folder)
    devices = _enrol(line, folder, psams)
    gates = {name: SimGate() for name in ("a", "b", "south")}
    for gate in gates.values():
        closing.callback(gate.close)
    relays = {name: ModbusRelay(_line(gate, closing)) for name, gate in gates.items()}
    venue, south = _venue(devices["venue"]), _venue(devices["south"])
    scanner = SimScanner()
    closing.callback(scanner.unplug)
    hotel = _hotel(devices["hotel"], rack)
    kiosk = _kiosk(devices["kiosk"], rack)
    return Street(
        bus=_bus(devices["bus"], rack),
        kiosk=kiosk,
        hotel=hotel,
        counter=_counter(devices["counter"], rack),
        venue=venue,
        lane_a=venue.lane("A", relays["a"]),
        lane_b=venue.lane("B", relays["b"]),
        south=south,
        south_lane=south.lane("S", relays["south"]),
        camera=Camera(ZxingReader(), second_opinion()),
        scanner=scanner,
        scanner_port=SerialScanner(scanner.port),
        gates=gates,
        devices=devices,
    )


def _psams(rack: Rack, factory: TwinFactory, folder: Path) -> dict[str, str]:
    numbers = {}
    for name, number in PSAM_NUMBERS.items():
        path = folder / f"{name}.psam"
        numbers[name] = factory.psam(path, number).hex()
        rack.insert(f"{name}-psam", path)
    return numbers


def _enrol(line: Line, folder: Path, psams: dict[str, str]) -> dict[str, Device]:
    plan = {
        "bus": ("bus-k1-01", "bus", BUS),
        "kiosk": ("kiosk-01", "kiosk", KIOSK),
        "hotel": ("hotel-01", "hotel", HOTEL),
        "counter": ("counter-01", "counter", KIOSK),
        "venue": ("park-north", "scenic", PARK),
        "south": ("park-south", "scenic", PARK_SOUTH),
    }
    made = {}
    for name, who in plan.items():
        own = line.bus_clock if name == "bus" else line.clock
        made[name] = make_device(line.console, line.url, folder, who, psams.get(name, ""), (line.clock, own), line.seed)
    return made


def _line(gate: SimGate, closing: ExitStack) -> ModbusLine:
    line = ModbusLine(gate.port)
    closing.callback(line.close)
    return line


def _bus(device: Device, rack: Rack) -> BusValidator:
    readers = rack.reader("bus-card"), rack.reader("bus-psam")
    return BusValidator(device.post, BusConfig(), *readers, device.journal, device.sync)


def _kiosk(device: Device, rack: Rack) -> Kiosk:
    readers = rack.reader("kiosk-card"), rack.reader("kiosk-psam")
    kiosk = Kiosk(device.post, KioskConfig(), *readers, device.journal, device.memory, device.line, device.sync)
    device.on_notice.append(kiosk.take_notice)
    return kiosk


def _hotel(device: Device, rack: Rack) -> HotelDesk:
    readers = rack.reader("hotel-card"), rack.reader("hotel-psam")
    desk = HotelDesk(device.post, *readers, device.journal, device.memory, device.sync)
    device.on_notice.append(desk.take_notice)
    return desk


def _counter(device: Device, rack: Rack) -> CounterDesk:
    readers = rack.reader("counter-card"), rack.reader("counter-psam")
    return CounterDesk(device.post, *readers, device.journal, device.sync)


def _venue(device: Device) -> Venue:
    return Venue(device.post, VenueConfig(), device.journal, device.memory, device.line, device.sync)
