"""`onecard run counter --demo`: an old twin card's rights and balance move to a new one, as a teller sees it.

With a server, two terminals and PSAMs of its own: the old card is loaded, rides twice, then both cards lie before the
clerk. `--torn` tears the new card away half way and cuts the counter's power.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from card.channel import standard
from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.domain.money import Fen
from card.domain.scene import Place
from card.errors import CardError
from card.files.profile import load_profile
from card.purse import PurseSession
from card.texts import both
from firmware_sim.card.factory import BIRTH, REGION, Order, Twin
from firmware_sim.card.faults import Fault
from firmware_sim.card.memory import PurseState
from firmware_sim.card.store import create_file
from firmware_sim.errors import SimError
from firmware_sim.own_house import Holder, House, open_house
from keys.errors import KeysError
from server.ledger import service as ledger
from server.purse import accounts
from terminal.bus.console import Arguments, show
from terminal.bus.main import BusValidator
from terminal.config import BusConfig
from terminal.counter.main import CounterDesk
from terminal.counter.transfer import TransferDesk, TransferShown
from terminal.device import Device
from terminal.errors import TerminalError

DONE, NO, NOT_TRIED = 0, 1, 2
OLD, NEW, BUS_CARD = "counter-old", "counter-new", "bus-card"
SLOTS = (OLD, NEW, "counter-psam", BUS_CARD, "bus-psam")
LOADED = Fen(6_000)
RIDES = 2
CREDIT = 0x52
PASSBACK_S = 2.1  # a second tap sooner is the same ride
BUS = Place("haikou-bus", "line-k1", REGION.text)
HALL = Place("service-hall", "hall-1", REGION.text)
BANK = "102"
# On the new card nobody has written these yet: rights that are to come from the old one.
BLANK_RIGHTS = {"living_address": "", "living_region": "", "phone": "", "contact_name": "", "contact_phone": ""}
ASK, CONFIRM, UNDO = "ask", "confirm", "undo"
ENDS = {CONFIRM: "S-TRANSFER-CONFIRMED", UNDO: "S-TRANSFER-UNDONE"}


@dataclass(frozen=True, slots=True)
class _Card:
    slot: str
    zh: str
    en: str
    chip: Path
    twin: Twin


@dataclass(frozen=True, slots=True)
class _Sums:
    """Where the loaded money is at the end, fen."""

    cards: tuple[int, int]
    book: tuple[int, int]
    fares: int
    on_road: int

    @property
    def even(self) -> bool:
        """Nothing lost, nothing made: cards, fares and road are what was loaded, and the book says the same."""
        return sum(self.cards) + self.fares + self.on_road == LOADED and self.cards == self.book


def run_demo(argv: Sequence[str], clock: Clock, entropy: Entropy, ask: Callable[[str], str] = input) -> int:
    """Exit status 0 when the transfer ended as decided and every fen is where it should be, else 1; 2 not tried."""
    options = _options(argv)
    try:
        with ExitStack() as closing:
            house = open_house(options.transport, SLOTS, clock, entropy, closing)
            return _serve(house, options, ask, closing)
    except (SimError, CardError, KeysError, TerminalError) as refused:
        print(f"{both(refused.code)}\n  ({refused})", file=sys.stderr)
        return NOT_TRIED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog="onecard run counter --demo", description="柜面旧卡转新卡演示 · an old card to a new one")
    parser.add_argument("--demo", action="store_true", help=argparse.SUPPRESS)
    help_ = "真实 PC/SC 或同进程 · PC/SC or in process"
    parser.add_argument("--transport", choices=("pcsc", "direct"), default="pcsc", help=help_)
    help_ = "转移后询问、确认或撤销 · after the move: ask, confirm, or undo (default ask)"
    parser.add_argument("--then", choices=(ASK, CONFIRM, UNDO), default=ASK, help=help_)
    parser.add_argument(
        "--torn", action="store_true", help="中途抽卡并断电 · a card torn away and a power cut half way"
    )
    parser.add_argument("--apdus", action="store_true", help="列出每条指令 · list every command")
    return parser.parse_args(list(argv))


def _serve(house: House, options: argparse.Namespace, ask: Callable[[str], str], closing: ExitStack) -> int:
    old, new = _cards(house)
    house.register([Holder("holder-1", "王小明", BIRTH, (old.twin, new.twin))])
    _fund(house, old)
    _ride(house, old, closing)
    counter = _Counter(house, options.apdus, closing)
    for card in (old, new):
        house.rack.insert(card.slot, card.chip)
    _account(house, old, new, "转移之前 · before")
    if options.torn:
        print("\n—— 圈存前新卡被抽走，柜面断电 · new card torn away before its credit, then a power cut")
        house.rack.fault(NEW, Fault("tear_before_write", CREDIT))
        counter.show("begin")
        counter.power_cut()
        house.rack.swap(NEW, new.chip)
    moved = counter.show("resume" if options.torn else "begin")
    wish = options.then if options.then != ASK else _asked(ask)
    ended = counter.show(wish) if wish in ENDS and moved.state is not None else moved
    sums = _account(house, old, new, "结束 · at the end")
    if wish not in ENDS:
        print("\n没有决定：柜面下次启动时会再次显示 · not decided: the counter shows it again when it starts")
        counter.power_cut()
    return DONE if sums.even and ended.screen.code == ENDS.get(wish) else NO


class _Counter:
    """The counter's process; `power_cut` ends it and starts it again on the same memory."""

    def __init__(self, house: House, with_apdus: bool, closing: ExitStack) -> None:
        self._house = house
        self._with_apdus = with_apdus
        self._device, self._desk, self._counter = self._start()
        closing.callback(self._end)

    def power_cut(self) -> None:
        """What is pending is on the screen before anybody is served."""
        self._end()
        self._device, self._desk, self._counter = self._start()

    def show(self, deed: str) -> TransferShown:
        """Do it and print what the teller sees."""
        deeds = {"begin": "开始", "resume": "继续", CONFIRM: "确认", UNDO: "撤销"}
        print(f"\n—— 柜面：{deeds[deed]} · counter: {deed}")
        shown: TransferShown = getattr(self._desk, deed)()
        print(shown.screen.text())
        if self._with_apdus:
            trace = self._counter.wires.trace
            print("\n".join(f"      {exchange.micros / 1000:7.2f} ms  {exchange.name}" for exchange in trace.exchanges))
        return shown

    def _end(self) -> None:
        self._counter.close()
        self._device.close()

    def _start(self) -> tuple[Device, TransferDesk, CounterDesk]:
        rack = self._house.rack
        device = self._house.device("counter", HALL, 2)
        counter = CounterDesk(device.post, rack.reader(OLD), rack.reader("counter-psam"), device.journal, device.sync)
        desk = counter.transfers(rack.reader(NEW), device.memory, device.uplink)
        pending = desk.pending()
        print("\n—— 柜面启动 · the counter starts")
        print("\n".join(shown.text() for shown in pending) or "  没有未完成的转移 · no transfer is open")
        return device, desk, counter


def _asked(ask: Callable[[str], str]) -> str:
    """What the teller types; nothing at all leaves it open."""
    question = "\n确认请输入 c，撤销请输入 u · c to confirm, u to undo: "
    try:
        while (answer := ask(question).strip().lower()[:1]) not in ("c", "u", ""):
            pass
    except EOFError:
        return ""
    return {"c": CONFIRM, "u": UNDO}.get(answer, "")


def _cards(house: House) -> tuple[_Card, _Card]:
    """The old card with money, the new one personalised for the same person, with nothing of the holder's rights."""
    old_values, old = house.factory.card_values(Order(1, fields={"issued": "20200101"}))
    fields = {"citizen_no": old.citizen_no, "issued": "20260101", **BLANK_RIGHTS}
    new_values, new = house.factory.card_values(Order(2, fields=fields))
    old_values["purse/EP"] = PurseState(LOADED, 0, 0).pack()
    new_values["purse/EP"] = PurseState(0, 0, 0).pack()
    chips = house.folder / "old.chip", house.folder / "new.chip"
    create_file(chips[0], old_values)
    create_file(chips[1], new_values)
    return _Card(OLD, "旧卡", "old card", chips[0], old), _Card(NEW, "新卡", "new card", chips[1], new)


def _fund(house: House, old: _Card) -> None:
    """The book says what the old card was loaded with before this day."""
    with house.context.store.transaction() as session:
        ledger.post(
            session,
            key="demo:opening",
            at_ms=house.context.now_ms(),
            debit=accounts.bank(BANK),
            credit=accounts.purse(old.twin.asn.hex()),
            fen=LOADED,
            memo="loaded before",
        )


def _ride(house: House, old: _Card, closing: ExitStack) -> None:
    """Trips on the old card, uploaded and booked."""
    device = house.device("bus", BUS, 1)
    closing.callback(device.close)
    readers = house.rack.reader(BUS_CARD), house.rack.reader("bus-psam")
    bus = BusValidator(device.post, BusConfig(), *readers, device.journal, device.sync)
    bus.sync()
    for ride in range(RIDES):
        print(f"\n—— 旧卡乘车 {ride + 1} · the old card rides, {ride + 1}")
        time.sleep(PASSBACK_S if ride else 0)
        house.rack.insert(BUS_CARD, old.chip)
        print(show(bus.tap()))
        house.rack.eject(BUS_CARD)
    bus.sync()


def _account(house: House, old: _Card, new: _Card, when: str) -> _Sums:
    """Cards by their chips, the book by the ledger; printed and returned."""
    cards = _balance(house, old), _balance(house, new)
    with house.context.store.reading() as session:
        held = {name: -int(fen) for name, fen in ledger.balances(session).items()}
    book = held.get(accounts.purse(old.twin.asn.hex()), 0), held.get(accounts.purse(new.twin.asn.hex()), 0)
    road = sum(fen for name, fen in held.items() if name.startswith("suspense:"))
    sums = _Sums(cards, book, held.get(accounts.operator(BUS.operator), 0), road)
    print(f"\n== {when}")
    for card, fen, booked in zip((old, new), cards, book, strict=True):
        print(f"  {card.zh} {card.en}: 卡上 on card {_yuan(fen)}，账上 in the book {_yuan(booked)}")
    print(
        f"  圈存 loaded {LOADED.yuan()} = 卡上 on cards {_yuan(sum(cards))} + 车费 fares {_yuan(sums.fares)}"
        f" + 路上 on the road {_yuan(road)}  {'✓' if sums.even else '≠'}"
    )
    return sums


def _balance(house: House, card: _Card) -> int:
    channel = standard(house.rack.reader(card.slot).connect())
    try:
        purse = PurseSession(channel, load_profile("tunion"))
        purse.select()
        return int(purse.balance())
    finally:
        channel.close()


def _yuan(fen: int) -> str:
    return Fen(fen).yuan()
