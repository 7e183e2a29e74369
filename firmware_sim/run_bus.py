"""`onecard run bus --demo`: a validator with twin cards, a twin PSAM and a server of its own, as a driver sees it."""

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import uvicorn

from card.domain.clock import Clock, business_date
from card.domain.entropy import Entropy
from card.domain.scene import Place
from card.errors import CardError
from card.texts import both
from firmware_sim.card.factory import REGION, Order, Twin, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.card.memory import PurseState
from firmware_sim.card.store import create_file
from firmware_sim.errors import SimError
from firmware_sim.rack import DirectRack, PcscRack, Rack
from keys.centre import KeyCentre
from keys.errors import KeysError
from keys.settings import KeysConfig, open_test_store
from server.config import ServerConfig
from server.context import Context
from server.devices import service as devices
from server.facts import service as facts
from server.main import create_app
from server.registry import service as registry
from terminal.bus.console import show
from terminal.bus.main import BusValidator
from terminal.config import BusConfig, TerminalConfig
from terminal.device import Device, Origin, open_device
from terminal.errors import TerminalError
from terminal.uplink_http import HttpUplink

DONE, NO, NOT_TRIED = 0, 1, 2
SLOTS = ("bus-card", "bus-psam")
START_BALANCE = 5_000
START_TIMEOUT_S = 15.0
DEBIT = 0x54
BUS = Place("haikou-bus", "line-k1", REGION.text)
# Who rides: name on the screen, age today.
RIDERS = (("成年人 · adult", 36), ("六十七岁 · sixty-seven", 67), ("七十二岁 · seventy-two", 72))


@dataclass(frozen=True, slots=True)
class _Row:
    """One message to the server's registry, in the shape issuance writes."""

    position: int
    kind: str
    version: int
    at_ms: int
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Rider:
    name: str
    chip: Path
    twin: Twin
    birth: str


def run_demo(argv: Sequence[str], clock: Clock, entropy: Entropy) -> int:
    """Three riders and one torn card. Exit status 0 when everybody was charged exactly once, else 1; 2 not tried."""
    options = _options(argv)
    try:
        with ExitStack() as closing:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="onecard-", dir="/tmp")))
            return _ride(options, folder, clock, entropy, closing)
    except (SimError, CardError, KeysError, TerminalError) as refused:
        print(f"{both(refused.code)}\n  ({refused})", file=sys.stderr)
        return NOT_TRIED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="onecard run bus --demo", description="公交车载机演示 · a bus validator")
    parser.add_argument("--demo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--transport",
        choices=("pcsc", "direct"),
        default="pcsc",
        help="真实 PC/SC 或同进程 · PC/SC or in process",
    )
    parser.add_argument("--apdus", action="store_true", help="列出每条指令 · list every command")
    return parser.parse_args(list(argv))


def _ride(options: argparse.Namespace, folder: Path, clock: Clock, entropy: Entropy, closing: ExitStack) -> int:
    centre = KeyCentre(open_test_store(KeysConfig(data_dir=folder / "keys")))
    factory = TwinFactory(centre, entropy)
    rack: Rack = DirectRack(entropy) if options.transport == "direct" else PcscRack(SLOTS, folder / "run")
    closing.callback(rack.close)
    context, url = closing.enter_context(_server(folder, centre, clock, entropy))
    device = _device(folder, factory, rack, context, url, entropy)
    closing.callback(device.close)
    readers = rack.reader("bus-card"), rack.reader("bus-psam")
    bus = BusValidator(device.post, BusConfig(), *readers, device.journal, device.sync)
    bus.sync()
    today = business_date(clock.now())
    riders = [_rider(factory, folder, number, today) for number in range(len(RIDERS))]
    _register(context, riders)
    for rider in riders:
        _tap(bus, rack, rider, options.apdus)
    _torn(bus, rack, riders[0], options.apdus)
    return _account(bus, device)


def _tap(bus: BusValidator, rack: Rack, rider: _Rider, with_apdus: bool) -> None:
    print(f"\n—— {rider.name}")
    rack.insert("bus-card", rider.chip)
    result = bus.tap()
    rack.eject("bus-card")
    print(show(result))
    if with_apdus:
        print("\n".join(f"      {ms:7.2f} ms  {name}" for name, ms in result.apdus))


def _torn(bus: BusValidator, rack: Rack, rider: _Rider, with_apdus: bool) -> None:
    print("\n—— 扣款后卡被抽走，答复丢失 · torn away after the debit, before its answer")
    time.sleep(2.1)  # past the passback window, in real seconds
    rack.fault("bus-card", Fault("tear_after_write", DEBIT))
    _tap(bus, rack, rider, with_apdus)
    _tap(bus, rack, rider, with_apdus)


def _account(bus: BusValidator, device: Device) -> int:
    waiting = len(device.journal.pending()) + len(device.journal.open_cases())
    report = bus.sync()
    verdicts = {verdict.value: count for verdict, count in report.upload.verdicts.items()}
    print(f"\n上传 uploaded {report.upload.sent}: {verdicts}; 待核实 unresolved {waiting}")
    return DONE if set(verdicts) == {"accepted"} and not waiting else NO


@contextmanager
def _server(folder: Path, centre: KeyCentre, clock: Clock, entropy: Entropy) -> Iterator[tuple[Context, str]]:
    """The real server in a thread of this process, on a free port of the loopback interface."""
    config = ServerConfig(data_dir=folder / "server")
    app = create_app(config, clock=clock, entropy=entropy, centre=centre)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if time.monotonic() > deadline:
            raise SimError("the server did not start")
        time.sleep(0.02)
    try:
        yield app.state.context, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_TIMEOUT_S)


def _device(folder: Path, factory: TwinFactory, rack: Rack, context: Context, url: str, entropy: Entropy) -> Device:
    psam = folder / "bus.psam"
    psam_no = factory.psam(psam, 1).hex()
    rack.insert("bus-psam", psam)
    config = TerminalConfig(operator=BUS.operator, site=BUS.site, region=BUS.region, server=url)
    with context.store.transaction() as session:
        place = (BUS.operator, BUS.site, BUS.region)
        code = devices.invite(context, session, config.device_id, "bus", place)
    clock = context.clock
    origin = Origin(config, "bus", clock, entropy, folder / "bus", psam_no)
    return open_device(origin, lambda key: HttpUplink.to(url, config.device_id, key, clock, entropy), code)


def _rider(factory: TwinFactory, folder: Path, number: int, today: date) -> _Rider:
    name, age = RIDERS[number]
    birth = f"{today.year - age}0101"
    fields = {"birth_date": birth, "start_date": "20260101", "issued": "20260101"}
    values, twin = factory.card_values(Order(number + 1, fields=fields))
    values["purse/EP"] = PurseState(START_BALANCE, 0, 0).pack()
    chip = folder / f"rider-{number}.chip"
    create_file(chip, values)
    return _Rider(name, chip, twin, birth)


def _register(context: Context, riders: Sequence[_Rider]) -> None:
    """Tell the server's registry whose cards these are, as issuance would."""
    rows: list[_Row] = []
    at = context.now_ms()
    for number, rider in enumerate(riders, start=1):
        for kind, payload in (("person", _person(number, rider)), ("card", _card(number, rider))):
            rows.append(_Row(len(rows) + 1, kind, 1, at, payload))
    with context.store.transaction() as session:
        registry.project(context, session, rows, [facts.follow_card])


def _person(number: int, rider: _Rider) -> dict[str, object]:
    return {
        "person_id": f"rider-{number}",
        "name": f"乘客{number}",
        "id_type": "01",
        "id_no": rider.twin.citizen_no,
        "sex": "1",
        "nation": "01",
        "birth_date": rider.birth,
        "region": REGION.text,
        "mobile": "",
        "life_status": "1",
    }


def _card(number: int, rider: _Rider) -> dict[str, object]:
    twin = rider.twin
    return {
        "card_id": twin.card_id.hex(),
        "card_no": twin.card_no,
        "person_id": f"rider-{number}",
        "region": REGION.text,
        "status": "1",
        "prev_status": "0",
        "asn": twin.asn.hex(),
        "issuer": twin.issuer.hex(),
        "ecard_serial": f"4601{number:015d}",
        "ecard_status": "1",
        "bank": "102",
        "account": "",
        "account_status": "1",
        "issued": "20260101",
        "valid_to": "20360101",
        "batch": "54570001",
        "atr": "",
        "supersedes": "",
        "reason": "",
    }
