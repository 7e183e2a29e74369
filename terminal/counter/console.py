"""`onecard run counter`: an old card to a new one on this machine's readers, the teller's screen in this window."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from card.config import ConfigError, read_toml, section
from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.errors import CardError
from card.readers.pcsc import PcscReader, find_reader
from card.texts import both
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.errors import KeysError
from terminal.bus.console import DEFAULT_CONFIG, DONE, NOT_TRIED, Arguments
from terminal.config import TerminalConfig
from terminal.counter.main import CounterDesk
from terminal.counter.transfer import TransferDesk, TransferShown
from terminal.device import Origin, open_device
from terminal.errors import TerminalError
from terminal.uplink import Uplink
from terminal.uplink_http import HttpUplink

ASK = "\nb 开始 begin · r 继续 resume · c 确认 confirm · u 撤销 undo · q 结束 quit: "
QUIT = "q"


def run(argv: Sequence[str], clock: Clock, entropy: Entropy, ask: Callable[[str], str] = input) -> int:
    """Serve until `q` or the end of input. Exit status 0, 2 when it could not start, 64 usage."""
    options = _options(argv)
    try:
        return _serve(options, clock, entropy, ask)
    except (CardError, KeysError, TerminalError, ConfigError) as trouble:
        print(f"{both(trouble.code)}\n  ({trouble})", file=sys.stderr)
        return NOT_TRIED
    except KeyboardInterrupt:
        return DONE


def serve(desk: TransferDesk, ask: Callable[[str], str]) -> None:
    """What is open first; then one deed for each letter typed."""
    deeds: dict[str, Callable[[], TransferShown]] = {
        "b": desk.begin,
        "r": desk.resume,
        "c": desk.confirm,
        "u": desk.undo,
    }
    for shown in desk.pending():
        print(shown.text(), flush=True)
    while True:
        try:
            letter = ask(ASK).strip().lower()[:1]
        except EOFError:
            return
        if letter == QUIT:
            return
        if letter in deeds:
            print(deeds[letter]().screen.text(), flush=True)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog="onecard run counter", description="柜面旧卡转新卡 · an old card to a new one")
    parser.add_argument("--old", required=True, help="旧卡所在读卡器 · reader of the old card")
    parser.add_argument("--new", required=True, help="新卡所在读卡器 · reader of the new card")
    parser.add_argument("--psam", default="PSAM", help="PSAM 所在读卡器 · reader of the PSAM (default: named PSAM)")
    parser.add_argument("--config", type=Path, help="配置文件 · configuration file (default ./onecard.toml)")
    parser.add_argument("--server", default="", help="服务器地址 · server URL")
    parser.add_argument("--code", default="", help="首次登记用的一次性码 · one-time code, for the first start")
    parser.add_argument("--demo", action="store_true", help="自带模拟卡和服务器 · brings its own twins and server")
    return parser.parse_args(list(argv))


def _serve(options: argparse.Namespace, clock: Clock, entropy: Entropy, ask: Callable[[str], str]) -> int:
    path = options.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    config = section(read_toml(path), "terminal", TerminalConfig)
    if options.server:
        config = replace(config, server=options.server)
    old, new, psam = (PcscReader(find_reader(name)) for name in (options.old, options.new, options.psam))

    def connect(key: Sm2PrivateKey) -> Uplink:
        return HttpUplink.to(config.server, config.device_id, key, clock, entropy)

    device = open_device(Origin(config, "counter", clock, entropy, config.data_dir), connect, options.code)
    try:
        counter = CounterDesk(device.post, old, psam, device.journal, device.sync)
        try:
            serve(counter.transfers(new, device.memory, device.uplink), ask)
        finally:
            counter.close()
    finally:
        device.close()
    return DONE
