"""`onecard sim insert|eject|pull|swap|list|line|lag|tear|fault|disarm|times`: hands on slots of a running `sim up`."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import hexdigits
from typing import Any

from card.errors import CardError
from card.readers.pcsc import PcscReader
from firmware_sim.card.faults import ANY_INS, KINDS
from firmware_sim.card.timing import CONTACT, time_model
from firmware_sim.control import SOCKET_NAME, RefusedError, ask
from firmware_sim.errors import SimError, SlotError
from firmware_sim.sim import DONE, Parser, complain
from terminal.card_desk import print_table

SEEN_TIMEOUT_MS = 15_000
_WHEN = {"before": "tear_before_write", "after": "tear_after_write", "answer": "drop_answer"}
_TEXTS = {
    "insert": "插卡 put a chip into a slot",
    "eject": "拔卡 pull the chip",
    "pull": "拔卡，同 eject pull the chip, as eject",
    "swap": "换一张卡 another chip into the slot",
    "list": "看各卡槽 what every slot holds",
    "line": "换成另一种读卡器：接触（T=0、T=1）或非接触 make the slot another kind of reader",
    "lag": "让卡片应答变慢，0 恢复 let every answer come later; 0 ends it",
    "tear": "安排一次断电：在某条命令写入前、写入后或应答前 arm one power cut at a command's write or answer",
    "fault": "安排一次故障，按名称 arm one fault by its name",
    "disarm": "取消还没发生的故障 forget faults that have not happened",
    "times": "卡内每条命令的模型耗时 modelled time of every command of the chip",
}
VERBS = tuple(_TEXTS)


def run_control(verb: str, argv: list[str], socket_name: str) -> int:
    """One verb on the readers of a running `sim up`; `socket_name` is what PCSCLITE_CSOCK_NAME says.

    Exit status: 0 done, 2 could not be done, 64 usage.
    """
    options = _options(verb, argv)
    control = options.control or Path(socket_name or "/nonexistent/none").parent / SOCKET_NAME
    try:
        return _DO[verb](control, ask(control, {"do": "list"})["slots"], options)
    except (SimError, RefusedError) as refused:
        return complain(refused)


def _options(verb: str, argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog=f"onecard sim {verb}", description=_TEXTS[verb])
    if verb != "list":
        parser.add_argument("slot", help="卡槽名或读卡器名 slot, or reader name, as sim list shows")
    if verb == "insert":
        parser.add_argument("chip", nargs="?", default="", help="芯片文件 chip file; default: the last one")
    if verb == "swap":
        parser.add_argument("chip", help="芯片文件，或另一卡槽名（取其芯片） chip file, or the slot whose chip to take")
    if verb == "fault":
        parser.add_argument("kind", choices=KINDS, help="故障名称 name of the fault")
    if verb == "tear":
        parser.add_argument("--when", choices=tuple(_WHEN), default="before", help="何时断电 when the power goes")
    if verb in ("tear", "fault"):
        parser.add_argument("--ins", type=_instruction, default=ANY_INS, metavar="HEX", help="哪条命令，默认任一 INS")
        parser.add_argument("--nth", type=int, default=1, metavar="N", help="第几次 which time, from 1")
    if verb == "line":
        parser.add_argument("interface", choices=("contact", "contactless"), help="接口 interface")
        parser.add_argument("protocol", nargs="?", default="", choices=("", "T=0", "T=1"), help="协议，默认卡片首选")
    if verb == "lag":
        parser.add_argument("ms", type=int, help="毫秒 milliseconds")
    if verb == "times":
        parser.add_argument("--line", choices=time_model().lines, default=CONTACT, help="接口速率 line and rate")
    parser.add_argument("--control", type=Path, default=None, help="控制套接字 control socket")
    parser.add_argument("--json", action="store_true", help="输出 JSON print JSON")
    return parser.parse_args(argv)


def _instruction(text: str) -> int:
    if len(text) != 2 or not set(text) <= set(hexdigits):
        raise argparse.ArgumentTypeError(f"{text!r}: 应为两位十六进制，如 DC; two hex digits are wanted, as DC")
    return int(text, 16)


def _list(_: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps(slots, ensure_ascii=False))
        return DONE
    rows = [(row["slot"], row["reader"], row["chip"] or "空 empty") for row in slots]
    print_table(rows, ("卡槽 slot", "读卡器 reader", "芯片 chip"))
    return DONE


def _insert(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    row = _row(slots, options.slot)
    chip = str(Path(options.chip).resolve()) if options.chip else row["last"] or ""
    return _said(options, control, {"do": "insert", "slot": row["slot"], "chip": chip}, _Seen(row, present=True))


def _eject(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    row = _row(slots, options.slot)
    return _said(options, control, {"do": "eject", "slot": row["slot"]}, _Seen(row, present=False))


def _swap(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Pull, let the reader see it, insert. With another slot's name the two slots exchange their chips."""
    row = _row(slots, options.slot)
    other = next((item for item in slots if options.chip in (item["slot"], item["reader"])), None)
    wanted = (other["chip"] or other["last"]) if other is not None else str(Path(options.chip).resolve())
    if other is not None and other["slot"] == row["slot"]:
        raise SlotError("a slot cannot change its chip with itself")
    if not wanted:
        raise SlotError(f"slot {options.chip} holds no chip")
    if other is not None and other["chip"]:
        ask(control, {"do": "eject", "slot": other["slot"]})
    if other is not None and row["chip"]:
        ask(control, {"do": "eject", "slot": row["slot"]})
        ask(control, {"do": "insert", "slot": other["slot"], "chip": row["chip"]})
    return _said(options, control, {"do": "swap", "slot": row["slot"], "chip": wanted}, _Seen(row, present=True))


def _line(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    request = {"do": "line", "slot": _row(slots, options.slot)["slot"]}
    return _said(options, control, {**request, "interface": options.interface, "protocol": options.protocol})


def _lag(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    return _said(options, control, {"do": "lag", "slot": _row(slots, options.slot)["slot"], "ms": options.ms})


def _fault(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    kind = options.kind if "kind" in options else _WHEN[options.when]
    request = {"do": "fault", "slot": _row(slots, options.slot)["slot"], "kind": kind}
    return _said(options, control, {**request, "ins": options.ins, "nth": options.nth})


def _disarm(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    return _said(options, control, {"do": "disarm", "slot": _row(slots, options.slot)["slot"]})


def _times(control: Path, slots: list[dict[str, Any]], options: argparse.Namespace) -> int:
    row = _row(slots, options.slot)
    answer = ask(control, {"do": "times", "slot": row["slot"], "line": options.line})
    answer.pop("ok", None)
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
        return DONE
    rows = [
        (item["name"], *(f"{item[key] / 1000:.2f}" for key in _SHARES), f"{item['total_us'] / 1000:.2f}")
        for item in answer["times"]
    ]
    heads = ("命令 command", "传输 line", "写入 EEPROM", "密码 crypto", "系统 system", "合计 total, ms")
    print_table(rows, heads)
    print(f"{len(rows)} 条命令 commands, {answer['line']}: {answer['total_us'] / 1000:.1f} ms")
    return DONE


_SHARES = ("transmission_us", "eeprom_us", "crypto_us", "system_us")
_DO: Mapping[str, Callable[[Path, list[dict[str, Any]], argparse.Namespace], int]] = {
    "insert": _insert,
    "eject": _eject,
    "pull": _eject,
    "swap": _swap,
    "list": _list,
    "line": _line,
    "lag": _lag,
    "tear": _fault,
    "fault": _fault,
    "disarm": _disarm,
    "times": _times,
}


def _row(slots: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The slot called `name`, or whose reader is; the control side says what is wrong with an unknown one."""
    return next((row for row in slots if name in (row["slot"], row["reader"])), {"slot": name, "last": "", "chip": ""})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the reader of a slot must have seen before the command is done; it may take its daemon a moment."""

    row: Mapping[str, Any]
    present: bool

    def wait(self) -> None:
        """Without a daemon of this process's own there is nothing to wait for."""
        reader = PcscReader(str(self.row.get("reader", "")))
        try:
            reader.wait(self.present, SEEN_TIMEOUT_MS)
        except CardError:
            return
        finally:
            reader.close()


def _said(options: argparse.Namespace, control: Path, request: Mapping[str, object], seen: _Seen | None = None) -> int:
    ask(control, request)
    if seen is not None:
        seen.wait()
    if options.json:
        print(json.dumps({"done": request["do"], "slot": request["slot"]}, ensure_ascii=False))
    return DONE
