"""`onecard run bus --demo`: a validator with twin cards, a twin PSAM and a server of its own, as a driver sees it."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

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
from firmware_sim.own_house import Holder, open_house
from firmware_sim.rack import Rack
from keys.errors import KeysError
from terminal.bus.console import Arguments, show
from terminal.bus.main import BusValidator
from terminal.config import BusConfig
from terminal.device import Device
from terminal.errors import TerminalError

DONE, NO, NOT_TRIED = 0, 1, 2
SLOTS = ("bus-card", "bus-psam")
START_BALANCE = 5_000
DEBIT = 0x54
BUS = Place("haikou-bus", "line-k1", REGION.text)
# Who rides: name on the screen, age today.
RIDERS = (("成年人 · adult", 36), ("六十七岁 · sixty-seven", 67), ("七十二岁 · seventy-two", 72))


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
            return _ride(options, clock, entropy, closing)
    except (SimError, CardError, KeysError, TerminalError) as refused:
        print(f"{both(refused.code)}\n  ({refused})", file=sys.stderr)
        return NOT_TRIED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog="onecard run bus --demo", description="公交车载机演示 · a bus validator")
    parser.add_argument("--demo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--transport",
        choices=("pcsc", "direct"),
        default="pcsc",
        help="真实 PC/SC 或同进程 · PC/SC or in process",
    )
    parser.add_argument("--apdus", action="store_true", help="列出每条指令 · list every command")
    return parser.parse_args(list(argv))


def _ride(options: argparse.Namespace, clock: Clock, entropy: Entropy, closing: ExitStack) -> int:
    house = open_house(options.transport, SLOTS, clock, entropy, closing)
    rack = house.rack
    device = house.device("bus", BUS, 1)
    closing.callback(device.close)
    readers = rack.reader("bus-card"), rack.reader("bus-psam")
    bus = BusValidator(device.post, BusConfig(), *readers, device.journal, device.sync)
    bus.sync()
    today = business_date(clock.now())
    riders = [_rider(house.factory, house.folder, number, today) for number in range(len(RIDERS))]
    house.register([Holder(f"rider-{n}", f"乘客{n}", it.birth, (it.twin,)) for n, it in enumerate(riders, start=1)])
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


def _rider(factory: TwinFactory, folder: Path, number: int, today: date) -> _Rider:
    name, age = RIDERS[number]
    birth = f"{today.year - age}0101"
    fields = {"birth_date": birth, "start_date": "20260101", "issued": "20260101"}
    values, twin = factory.card_values(Order(number + 1, fields=fields))
    values["purse/EP"] = PurseState(START_BALANCE, 0, 0).pack()
    chip = folder / f"rider-{number}.chip"
    create_file(chip, values)
    return _Rider(name, chip, twin, birth)
