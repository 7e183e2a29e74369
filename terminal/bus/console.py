"""`onecard run bus`: a validator on this machine's readers, its screen in this window."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from card.config import ConfigError, read_toml, section
from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.errors import CardError
from card.readers.pcsc import PcscReader, find_reader
from card.readers.reader import Reader
from card.texts import both
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.errors import KeysError
from terminal.bus.main import BusValidator
from terminal.config import BusConfig, TerminalConfig
from terminal.device import Device, Origin, open_device
from terminal.errors import LinkDownError, TerminalError
from terminal.tap import TapResult
from terminal.uplink import Uplink
from terminal.uplink_http import HttpUplink

DONE, NOT_TRIED, USAGE = 0, 2, 64
DEFAULT_CONFIG = Path("onecard.toml")
WAIT_MS = 500
SYNC_EVERY_S = 30.0


class Arguments(argparse.ArgumentParser):
    """argparse with the project's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says."""

    terminal: TerminalConfig
    bus: BusConfig
    reader: str
    psam: str
    code: str
    taps: int


def run(argv: Sequence[str], clock: Clock, entropy: Entropy) -> int:
    """Serve cards until Ctrl-C, or `--taps` of them. Exit status 0, 2 when it could not start, 64 usage."""
    try:
        return _serve(_wish(argv), clock, entropy)
    except (CardError, KeysError, TerminalError, ConfigError) as trouble:
        print(f"{both(trouble.code)}\n  ({trouble})", file=sys.stderr)
        return NOT_TRIED
    except KeyboardInterrupt:
        return DONE


def show(result: TapResult) -> str:
    """A tap as a driver sees it, and under it what went over the wires."""
    total = sum(ms for _, ms in result.apdus)
    lines = [result.screen.text(), f"    {len(result.apdus)} APDU, {total:.1f} ms"]
    lines += [f"    event {event}" for event in result.event_ids]
    return "\n".join(lines)


def _wish(argv: Sequence[str]) -> Wish:
    parser = Arguments(prog="onecard run bus", description="公交车载机 · a bus validator on this machine's readers")
    parser.add_argument("--config", type=Path, help="配置文件 · configuration file (default ./onecard.toml)")
    parser.add_argument("--server", default="", help="服务器地址 · server URL")
    parser.add_argument("--code", default="", help="首次登记用的一次性码 · one-time code, for the first start")
    parser.add_argument("--reader", default="", help="读卡器 · reader of the riders' cards")
    parser.add_argument("--psam", default="PSAM", help="PSAM 所在读卡器 · reader of the PSAM (default: named PSAM)")
    parser.add_argument("--taps", type=int, default=0, help="服务几次后结束 · end after so many taps (0 = never)")
    parser.add_argument("--demo", action="store_true", help="自带模拟卡和服务器 · brings its own twins and server")
    options = parser.parse_args(list(argv))
    path = options.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    data = read_toml(path)
    terminal = section(data, "terminal", TerminalConfig)
    if options.server:
        terminal = replace(terminal, server=options.server)
    return Wish(terminal, section(data, "bus", BusConfig), options.reader, options.psam, options.code, options.taps)


def _serve(wish: Wish, clock: Clock, entropy: Entropy) -> int:
    psam = PcscReader(find_reader(wish.psam))
    reader = PcscReader(find_reader(wish.reader))

    def connect(key: Sm2PrivateKey) -> Uplink:
        return HttpUplink.to(wish.terminal.server, wish.terminal.device_id, key, clock, entropy)

    origin = Origin(wish.terminal, "bus", clock, entropy, wish.terminal.data_dir)
    device = open_device(origin, connect, wish.code)
    try:
        bus = BusValidator(device.post, wish.bus, reader, psam, device.journal, device.sync)
        _loop(bus, device, reader, wish.taps)
    finally:
        device.close()
    return DONE


def _loop(bus: BusValidator, device: Device, reader: Reader, taps: int) -> None:
    served, synced = 0, -SYNC_EVERY_S
    while not taps or served < taps:
        if time.monotonic() - synced >= SYNC_EVERY_S:
            synced = time.monotonic()
            _sync(bus, device)
        if not reader.wait(True, WAIT_MS):
            continue
        print(show(bus.tap()), flush=True)
        served += 1
        while not reader.wait(False, WAIT_MS):
            continue
    _sync(bus, device)


def _sync(bus: BusValidator, device: Device) -> None:
    try:
        report = bus.sync()
    except LinkDownError as down:
        waiting = device.journal.state().unsent
        print(f"{both(down.code)}\n  待传 waiting: {waiting}", file=sys.stderr, flush=True)
        return
    if report.upload.sent:
        print(f"    已上传 uploaded: {report.upload.sent}", flush=True)
