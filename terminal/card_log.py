"""`onecard card log`: every command of a reading, masked, with its name, its status word and what time it takes.

Measured is our own clock, the reader and the daemon included. Modelled is what a chip would take on the chosen line:
a twin counts its own writes and ciphers, for another card only the bytes on the line are priced.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from card.apdu import sw_name
from card.channel import CardChannel
from card.domain.entropy import Entropy
from card.errors import CardError
from card.traffic import Exchange, Trace
from keys.errors import KeysError
from terminal.card_desk import (
    DONE,
    LIST,
    NOT_TRIED,
    Arguments,
    add_reader_options,
    choose,
    complain,
    powered,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_dump import read_chip
from terminal.card_purse import read_purses
from terminal.card_read import read_card
from terminal.card_rights import Rights, add_test_keys, rights_from
from terminal.status_words import explain

TimeRow: TypeAlias = dict[str, int | str]
_SHARES = ("transmission_us", "eeprom_us", "crypto_us", "system_us", "total_us")
WORK = ("read", "purse", "dump")
SOURCES = {
    "twin": ("模拟卡自己计数", "counted by the twin itself"),
    "bytes": ("只按字节计传输", "from the bytes on the line only; writes and ciphers of this card are not known"),
}


@dataclass(frozen=True, slots=True)
class Priced:
    """Modelled times, one an exchange (None: carried together with the one before); `source` is one of SOURCES."""

    source: str
    rows: tuple[TimeRow | None, ...]


class Times(Protocol):
    """Who prices commands; the model of a chip lives on the simulator's floor."""

    @property
    def lines(self) -> tuple[str, ...]: ...

    @property
    def usual(self) -> str: ...

    def price(self, reader: str, exchanges: Sequence[Exchange], line: str) -> Priced: ...


def main_log(argv: Sequence[str], entropy: Entropy, times: Times) -> int:
    """The command. Exit status: 0 done, 2 the card could not be read (what was said is shown), 64 usage."""
    parser = Arguments(prog="onecard card log", description="看命令往来与耗时 · the commands of a reading, masked")
    add_reader_options(parser)
    add_test_keys(parser)
    parser.add_argument("--what", choices=WORK, default="read", help="做什么 · what to do with the card")
    parser.add_argument("--line", choices=times.lines, default=times.usual, help="按哪种接口计时 · line to price for")
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: _run(options, entropy, times))


def _run(options: argparse.Namespace, entropy: Entropy, times: Times) -> int:
    trace, trouble = Trace(), None
    name = choose(options.reader, options.psam, options.patience)
    with rights_from(options, entropy) as rights:
        try:
            with powered(name, options.patience, trace) as channel:
                _work(channel, options.what, rights)
        except (CardError, KeysError) as ended:
            if not trace.exchanges:
                raise
            trouble = ended
    exchanges = list(trace.exchanges)
    priced = times.price(name, exchanges, options.line)
    if options.json:
        print_json(_document(exchanges, priced, options.line, trouble.code if trouble else ""))
    else:
        _print(exchanges, priced, options.line)
    return complain(trouble, NOT_TRIED) if trouble else DONE


def _work(channel: CardChannel, what: str, rights: Rights | None) -> None:
    if what == "dump":
        read_chip(channel, None, rights)
    elif what == "purse":
        read_purses(channel)
    else:
        read_card(channel, rights)


def _document(exchanges: Sequence[Exchange], priced: Priced, line: str, code: str) -> dict[str, object]:
    """The stable keys of `--json`."""
    rows = [
        {
            "n": number,
            "name": item.name,
            "command": item.command,
            "response": item.response,
            "sw": f"{item.sw:04X}",
            "status": sw_name(item.sw),
            "sent": item.command_bytes,
            "received": item.response_bytes,
            "measured_us": item.micros,
            **{key: time[key] if time else None for key in _SHARES},
        }
        for number, (item, time) in enumerate(zip(exchanges, priced.rows, strict=True), 1)
    ]
    return {
        "line": line,
        "source": priced.source,
        "code": code,
        "exchanges": rows,
        "sent": sum(item.command_bytes for item in exchanges),
        "received": sum(item.response_bytes for item in exchanges),
        "measured_us": sum(item.micros for item in exchanges),
        "modelled_us": sum(int(time["total_us"]) for time in priced.rows if time),
    }


def _print(exchanges: Sequence[Exchange], priced: Priced, line: str) -> None:
    heads = ("序 no.", "命令 command", "发出 sent", "应答 answer", "实测 measured", f"模型 modelled, {line}")
    rows = [
        (
            str(number),
            item.name,
            _cut(item.command),
            _cut(item.response),
            f"{item.micros / 1000:.1f} ms",
            f"{int(time['total_us']) / 1000:.1f} ms" if time else "↑",
        )
        for number, (item, time) in enumerate(zip(exchanges, priced.rows, strict=True), 1)
    ]
    print_table(rows, heads)
    strange = [item.sw for item in exchanges if item.sw != 0x9000 and item.sw >> 8 != 0x61]
    for sw in dict.fromkeys(strange):
        word = explain(sw)
        print(f"{word.name}  {word.zh} {word.en}")
    total = sum(int(time["total_us"]) for time in priced.rows if time)
    measured = sum(item.micros for item in exchanges)
    zh, en = SOURCES[priced.source]
    print(
        f"共 {len(rows)} 条命令，实测 {measured / 1000:.1f} ms，模型 {total / 1000:.1f} ms"
        f"（{zh}）。 {len(rows)} commands; modelled time {en}."
    )


def _cut(text: str) -> str:
    return text if len(text) <= 44 else f"{text[:43]}…"
