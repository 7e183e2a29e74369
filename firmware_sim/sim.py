"""`onecard sim`: readers with twin cards behind a real PC/SC daemon, and hands to move the cards."""

import argparse
import json
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from card.domain.entropy import Entropy
from card.errors import CardError
from card.files.profile import load_profile
from card.readers.reader import Reader
from card.texts import both
from firmware_sim.card import memory
from firmware_sim.card.chip import values_of
from firmware_sim.card.factory import TWIN_PIN, WHOLE_PROFILES, Order, TwinFactory
from firmware_sim.card.store import ChipFileError
from firmware_sim.daemon import MAX_SLOTS, SLOTS_PER_ENTRY
from firmware_sim.errors import SimError
from firmware_sim.rack import SOCKET_VARIABLE, PcscRack
from keys.centre import KeyCentre
from keys.errors import KeysError
from keys.settings import load_config, open_test_store

DONE, NOT_TRIED, USAGE = 0, 2, 64
ALIVE_CHECK_S = 0.5
CARD_ID_RECORD = "ef/SSSE/EF05/01"


class Parser(argparse.ArgumentParser):
    """argparse with this project's exit status for wrong usage."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


@dataclass(frozen=True, slots=True)
class Held:
    """What a slot was given."""

    slot: str
    holds: str  # card | psam | empty
    profile: str = ""
    card_id: str = ""
    chip: Path | None = None


def run_up(argv: list[str], entropy: Entropy) -> int:
    """`sim up`: start, print one line when every reader answers, wait for SIGTERM or Ctrl-C, end cleanly."""
    options = _up_options(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="onecard-", dir="/tmp") as folder:
            return _serve(options, Path(folder), entropy)
    except (SimError, ChipFileError, CardError, KeysError) as refused:
        return complain(refused)


def _up_options(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="onecard sim up",
        description="接上模拟卡与读卡器 Starts a private PC/SC daemon with twins of personalised, enabled cards.",
        epilog=f"每张卡的 PIN the PIN of every twin: {TWIN_PIN.digits}",
    )
    parser.add_argument("--cards", type=int, default=None, metavar="N", help="卡的张数 how many new cards (default 1)")
    parser.add_argument("--psams", type=int, default=None, metavar="M", help="PSAM 数 how many new PSAMs (default 1)")
    parser.add_argument(
        "--chip",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="已有芯片文件，可重复，此时不另造 an existing chip, repeatable; nothing else is made unless asked for",
    )
    parser.add_argument(
        "--profile", default=",".join(WHOLE_PROFILES), metavar="P", help="芯片应用，逗号分隔 profiles of a chip"
    )
    parser.add_argument("--json", action="store_true", help="只打印一行 JSON print the one JSON line only")
    parser.add_argument(
        "--allow-open", action="store_true", help="允许驱动监听所有网口 let the driver face the network"
    )
    parser.add_argument("--config", type=Path, default=None, help="配置文件 configuration file")
    options = parser.parse_args(argv)
    made = 0 if options.chip else 1
    options.cards = made if options.cards is None else options.cards
    options.psams = made if options.psams is None else options.psams
    if min(options.cards, options.psams) < 0 or not 1 <= _wanted(options) <= MAX_SLOTS:
        parser.error(f"1 to {MAX_SLOTS} cards and PSAMs together")
    options.profiles = tuple(options.profile.split(","))
    _check_profiles(parser, options.profiles)
    return options


def _wanted(options: argparse.Namespace) -> int:
    return int(options.cards) + int(options.psams) + len(options.chip)


def _check_profiles(parser: Parser, names: tuple[str, ...]) -> None:
    try:
        profiles = [load_profile(name) for name in names]
    except CardError as unknown:
        parser.error(str(unknown))
    if not any(profile.atr and profile.cos for profile in profiles):
        parser.error(f"a chip needs an application with an answer to reset, like {WHOLE_PROFILES[0]}")


def _serve(options: argparse.Namespace, folder: Path, entropy: Entropy) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    held = [_existing(number, path) for number, path in enumerate(options.chip)]
    if options.cards or options.psams:
        held += _make(options, folder, TwinFactory(KeyCentre(open_test_store(load_config(options.config))), entropy))
    # A reader has two slots; the second one of the last may stay empty.
    held += [Held(f"empty-{number}", "empty") for number in range(-len(held) % SLOTS_PER_ENTRY)]
    rack = PcscRack([item.slot for item in held], folder / "run", allow_open=options.allow_open)
    try:
        for item in held:
            if item.chip is not None:
                rack.insert(item.slot, item.chip)
                _answers(rack.reader(item.slot))
        _announce(rack, held, options)
        while not stopping.wait(ALIVE_CHECK_S):
            if not rack.alive:
                raise SimError("the twins' process has ended")
        return DONE
    finally:
        rack.close()


def _make(options: argparse.Namespace, folder: Path, factory: TwinFactory) -> list[Held]:
    held = []
    for number in range(options.cards):
        path = folder / f"card-{number}.chip"
        twin = factory.card(path, Order(number + 1, profiles=options.profiles, whole=True))
        held.append(Held(f"card-{number}", "card", "+".join(options.profiles), twin.card_id.hex(), path))
    for number in range(options.psams):
        path = folder / f"psam-{number}.chip"
        factory.psam(path, number + 1)
        held.append(Held(f"psam-{number}", "psam", "psam-ssc+psam-transit", "", path))
    return held


def _existing(number: int, path: Path) -> Held:
    """A chip that was made before: its file says what it is. Raises ChipFileError."""
    values = values_of(path)
    kind, profiles = values.get(memory.KIND, b""), values.get(memory.PROFILES, b"").decode("ascii").split(",")
    if kind == memory.KIND_PSAM:
        return Held(f"chip-{number}", "psam", "psam-ssc+psam-transit", "", path)
    card_id = values.get(CARD_ID_RECORD, b"")[2:]
    return Held(f"chip-{number}", "card", "+".join(profiles), card_id.hex(), path)


def _answers(reader: Reader) -> None:
    reader.connect().close()


def _announce(rack: PcscRack, held: list[Held], options: argparse.Namespace) -> None:
    readers = [
        {"name": rack.name(item.slot), "holds": item.holds, "profile": item.profile, "card_id": item.card_id}
        for item in held
    ]
    line = {
        "socket": str(rack.socket),
        "env": {SOCKET_VARIABLE: str(rack.socket)},
        "readers": readers,
        "pid": rack.owner,
    }
    print(json.dumps(line), flush=True)
    if not options.json:
        cards = [rack.name(item.slot) for item in held if item.holds == "card"]
        which = f" --reader '{cards[0]}'" if len(cards) > 1 else ""
        print(
            f"已接上。在另一个窗口运行 up; in another window:\n"
            f"  export {SOCKET_VARIABLE}={rack.socket}\n  onecard card read{which}\nCtrl-C 结束 ends it.",
            file=sys.stderr,
        )


def complain(refused: SimError | ChipFileError | CardError | KeysError) -> int:
    """The sentence and next step of a failure, on stderr; exit status 2."""
    detail = str(refused).replace(f"{refused.code}: ", "")
    print(f"{both(refused.code)}\n  详情 detail  {detail}", file=sys.stderr)
    return NOT_TRIED
