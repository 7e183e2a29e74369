"""`onecard card purse`: every purse on the card, which one a terminal will use, and why."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from card.channel import CardChannel
from card.errors import CardDataError, ForeignCardError, UnexpectedSwError
from card.files.profile import load_profile
from card.purse import LogEntry, PurseSession
from card.purses import FoundPurse, find
from card.traffic import TrafficSink
from terminal.card_desk import (
    DONE,
    LIST,
    NO,
    Arguments,
    add_reader_options,
    on_card,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_medical import Medical, print_medical, read_medical
from terminal.card_pin import PinSource, add_pin_options

# The order in which a terminal looks: the nation-wide purse first (contract §5).
ORDER = ("tunion", "cityunion")
ENTRIES = 10
KINDS = {
    0x02: ("圈存", "load"),
    0x03: ("圈提", "unload"),
    0x05: ("取现", "cash"),
    0x06: ("消费", "purchase"),
    0x09: ("复合消费", "compound purchase"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One purse as it is shown, with its newest entries."""

    purse: FoundPurse
    log: tuple[LogEntry, ...] = ()

    @property
    def asn(self) -> str:
        return self.purse.public.asn.digits if self.purse.public else ""

    def row(self) -> dict[str, object]:
        """The stable keys of `--json`; amounts in fen, null where they could not be read."""
        found = self.purse
        return {
            "profile": found.profile,
            "aid": found.aid.hex().upper(),
            "zh": found.name_zh,
            "en": found.name_en,
            "asn": self.asn,
            "balance_fen": None if found.balance is None else int(found.balance),
            "chosen": found.chosen,
            "blocked": found.blocked,
            "verified": found.verified,
            "why_zh": found.why_zh,
            "why_en": found.why_en,
            "log": [_entry_row(entry) for entry in self.log],
        }


def _entry_row(entry: LogEntry) -> dict[str, object]:
    return {
        "sequence": entry.sequence,
        "kind": f"{entry.kind:02X}",
        "amount_fen": int(entry.amount),
        "terminal": entry.terminal.hex().upper(),
        "date": entry.date,
        "time": entry.time,
    }


def main_purse(argv: Sequence[str], log: TrafficSink | None = None) -> int:
    """The command. Exit status: 0 shown, 1 the card has no purse, 2 could not be read, 64 usage."""
    parser = Arguments(prog="onecard card purse", description="卡内各钱包 · every purse on the card")
    add_reader_options(parser, psam=False)
    parser.add_argument("--log", action="store_true", help=f"也列最近 {ENTRIES} 笔 · the newest entries too")
    parser.add_argument("--ask-pin", action="store_true", help="输入密码，也看医疗账户 · the PIN, for medical accounts")
    add_pin_options(parser)
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: _run(options, log))


def _run(options: argparse.Namespace, log: TrafficSink | None) -> int:
    asked = options.ask_pin or options.pin_stdin

    def read(channel: CardChannel, _: str) -> tuple[list[Shown], Medical | None]:
        found = read_purses(channel)
        source = PinSource(options.pin_stdin)
        medical = read_medical(channel, source, quiet=options.json, last_try=options.last_try) if asked else None
        return found, medical

    found, medical = on_card(options, read, log=log)
    if options.json:
        more = {"medical": medical and medical.row()} if asked else {}
        print_json({"order": list(ORDER), "purses": [item.row() for item in found], **more})
        return DONE if found else NO
    status = _show(found, options.log)
    if asked:
        print_medical(medical)
    return status


def read_purses(channel: CardChannel, order: Sequence[str] = ORDER) -> list[Shown]:
    """Every purse of the card in the order in which a terminal would take them."""
    return [Shown(purse, _log(channel, purse)) for purse in find(channel, order)]


def _log(channel: CardChannel, found: FoundPurse) -> tuple[LogEntry, ...]:
    """Its newest entries; none where it cannot be worked with."""
    if not found.profile or found.blocked:
        return ()
    session = PurseSession(channel, load_profile(found.profile))
    try:
        session.select()
        return tuple(session.log(ENTRIES))
    except (CardDataError, UnexpectedSwError, ForeignCardError):
        return ()


def _show(found: list[Shown], with_log: bool) -> int:
    if not found:
        print("这张卡没有钱包。 This card has no purse.")
        return NO
    rows = [
        (
            f"{item.purse.name_zh} {item.purse.name_en}",
            item.asn or "-",
            "-" if item.purse.balance is None else _yuan(int(item.purse.balance)),
            "是 yes" if item.purse.chosen else "否 no",
            f"{item.purse.why_zh} {item.purse.why_en}",
        )
        for item in found
    ]
    print_table(rows, ("钱包 purse", "序列号 number", "余额 balance", "终端使用 used", "原因 why"))
    for item in found:
        if with_log:
            print(f"\n{item.purse.name_zh} {item.purse.name_en}")
            print_table([_entry(entry) for entry in item.log] or [("没有记录 no entries", "", "", "", "")])
    return DONE


def _entry(entry: LogEntry) -> tuple[str, str, str, str, str]:
    zh, en = KINDS.get(entry.kind, (f"{entry.kind:02X}", ""))
    when = f"{entry.date} {entry.time}"
    return str(entry.sequence), when, f"{zh} {en}".strip(), _yuan(int(entry.amount)), entry.terminal.hex().upper()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d} 元 yuan"
