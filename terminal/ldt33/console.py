"""`onecard ldt33`: one function from the shell, the list of all, or the service for programs that load the library."""

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from card.config import ConfigError, read_toml, section
from card.domain.entropy import Entropy
from card.errors import CardError
from card.readers.pcsc import PcscReader, find_reader, list_readers
from card.readers.reader import Reader
from card.texts import both
from terminal.config import Ldt33Config
from terminal.errors import TerminalError
from terminal.ldt33.codes import MEANINGS, Code, meaning
from terminal.ldt33.dialect import load_dialect
from terminal.ldt33.library import Answer, Argument, Ldt33Library
from terminal.ldt33.pinpad import LinePinPad
from terminal.ldt33.service import Service
from terminal.ldt33.table import BY_NAME, FUNCTIONS, Function
from terminal.ldt33.visit import Desk

DONE, NO, NOT_TRIED, USAGE = 0, 1, 2, 64
DEFAULT_CONFIG = Path("onecard.toml")
NEXT = "--"
STANDARD_INPUT = 0


class Arguments(argparse.ArgumentParser):
    """argparse with the project's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


@dataclass
class PcscSlots:
    """The configured readers of this machine, opened by name when first asked for."""

    config: Ldt33Config
    _found: dict[str, Reader] = field(default_factory=dict)

    def card(self, contactless: bool) -> Reader | None:
        """None for a contactless slot nobody configured. ReaderNotFoundError, DaemonMissingError."""
        if contactless:
            return self._named(self.config.contactless) if self.config.contactless else None
        return self._named(self.config.contact or self._first())

    def psam(self) -> Reader | None:
        return self._named(self.config.psam) if self.config.psam else None

    def _first(self) -> str:
        """The first reader that is neither the module's nor the contactless one."""
        others = {find_reader(name) for name in (self.config.contactless, self.config.psam) if name}
        return next((name for name in list_readers() if name not in others), "")

    def _named(self, wanted: str) -> Reader:
        name = find_reader(wanted)
        return self._found.setdefault(name, PcscReader(name))


def run(argv: Sequence[str], entropy: Entropy) -> int:
    """Exit status: 0 the function returned 0, 1 another code, 2 it could not be tried, 64 usage."""
    options = _options(argv)
    try:
        if options.call == "list":
            return _list(options.json)
        config = _config(options)
        if options.call == "serve":
            return _serve(_library(config, entropy), config, entropy, options.port)
        return _call(_library(config, entropy), [options.call, *options.arguments], options.json)
    except (CardError, TerminalError, ConfigError) as trouble:
        print(f"{both(trouble.code)}\n  ({trouble})", file=sys.stderr)
        return NOT_TRIED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(
        prog="onecard ldt33",
        usage="onecard ldt33 [options] list | serve | FUNCTION ARGUMENT... [-- FUNCTION ARGUMENT...]",
        description="标准终端函数（LD/T 33）· the standard terminal functions",
        epilog="分步调用写在一行，@ 代表上一步的输出 · steps of one sequence go into one command; @ is the last output",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")
    parser.add_argument("--config", type=Path, help="配置文件 · configuration file (default ./onecard.toml)")
    parser.add_argument("--reader", default="", help="接触式读卡器 · contact reader")
    parser.add_argument("--contactless", default="", help="非接触读卡器 · contactless reader")
    parser.add_argument("--psam", default="", help="PSAM 所在读卡器 · reader of the PSAM")
    parser.add_argument("--token", type=Path, help="serve：令牌文件 · token file")
    parser.add_argument("--port", type=int, default=0, help="serve：端口，0 任选 · port, 0 = any free one")
    parser.add_argument(
        "call", metavar="FUNCTION", help="函数名，或 list、serve · a function's name, or list, or serve"
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="参数 · its arguments")
    return parser.parse_args(list(argv))


def _config(options: argparse.Namespace) -> Ldt33Config:
    path = options.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    config = section(read_toml(path), "ldt33", Ldt33Config)
    given = {"contact": options.reader, "contactless": options.contactless, "psam": options.psam}
    changes: dict[str, object] = {name: value for name, value in given.items() if value}
    if options.token:
        changes["token"] = str(options.token)
    return replace(config, **changes)  # type: ignore[arg-type]


def token_file(config: Ldt33Config) -> Path:
    """The configured token file, else the place where the C library looks for it."""
    if config.token:
        return Path(config.token)
    local = Path.home() / "AppData" / "Local" / "onecard" if sys.platform == "win32" else Path.home() / ".onecard"
    return local / "ldt33.token"


def _library(config: Ldt33Config, entropy: Entropy) -> Ldt33Library:
    pad, slots = LinePinPad(STANDARD_INPUT), PcscSlots(config)
    return Ldt33Library(Desk(config, load_dialect(config.dialect), slots, pad, entropy, time.monotonic))


def _list(as_json: bool) -> int:
    if as_json:
        rows = [
            {"name": f.name, "prototype": f.prototype, "buffer": f.buffer, "confidence": f.confidence}
            for f in FUNCTIONS
        ]
        codes = {str(int(code)): {"zh": zh, "en": en} for code, (zh, en) in MEANINGS.items()}
        print(json.dumps({"functions": rows, "codes": codes}, ensure_ascii=False))
        return DONE
    for function in FUNCTIONS:
        mark = "  未经证实 unverified" if function.declared else ""
        print(function.prototype)
        print(f"    {function.zh} {function.en} · {function.buffer} bytes · {function.confidence}{mark}")
    print("\n返回码 return codes（其他负数为卡片状态字 others are minus the card's status word）")
    for code, (zh, en) in MEANINGS.items():
        print(f"{int(code):>6}  {zh} {en}")
    return DONE


def _call(library: Ldt33Library, words: list[str], as_json: bool) -> int:
    """One call after another, until one does not return 0."""
    answer = Answer(Code.OK)
    try:
        for call in _sequence(words):
            function = BY_NAME.get(call[0])
            if function is None:
                print(f"没有这个函数 no such function: {call[0]}\n下一步 next: onecard ldt33 list", file=sys.stderr)
                return USAGE
            given = [answer.text if word == "@" else word for word in call[1:]]
            answer = library.call(function.name, _typed(function, given))
            _show(function, answer, as_json)
            if answer.code != Code.OK:
                return NO
        return DONE
    finally:
        library.forget()


def _sequence(words: list[str]) -> list[list[str]]:
    calls: list[list[str]] = [[]]
    for word in words:
        if word == NEXT:
            calls.append([])
        else:
            calls[-1].append(word)
    return [call or [""] for call in calls]


def _typed(function: Function, words: list[str]) -> list[Argument]:
    """Numbers where the function takes them; what is none stays text and is refused by the function."""
    kinds = [item.kind for item in function.parameters] + ["text"] * len(words)
    return [
        int(word) if kind == "int" and word.lstrip("-").isdigit() else word
        for word, kind in zip(words, kinds, strict=False)
    ]


def _show(function: Function, answer: Answer, as_json: bool) -> None:
    zh, en = meaning(answer.code)
    if as_json:
        row = {"function": function.name, "code": int(answer.code), "zh": zh, "en": en, "output": answer.text}
        print(json.dumps(row, ensure_ascii=False))
        return
    print(f"{function.name} {int(answer.code)}  {zh} {en}")
    if answer.text:
        print(answer.text)
    if answer.code != Code.OK and answer.detail:
        print(f"  详情 detail  {answer.detail}", file=sys.stderr)


def _serve(library: Ldt33Library, config: Ldt33Config, entropy: Entropy, port: int) -> int:
    """Until SIGTERM or Ctrl-C. Prints one line as JSON when it listens."""
    token = token_file(config)
    service = Service(library, entropy, token, config.busy_timeout_s, port)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: service.close())
    line = {"port": service.address.port, "token": str(token.resolve())}
    print(json.dumps(line, ensure_ascii=False), flush=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            service.serve()
    finally:
        service.close()
        library.forget()
    return DONE
