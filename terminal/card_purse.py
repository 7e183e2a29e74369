"""`onecard card purse`: every purse on the card, which one a terminal will use, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from card.channel import CardChannel
from card.errors import CardError, CardLostError, ForeignCardError, ReaderLostError
from card.purse import LogEntry, PurseSession
from card.traffic import TrafficSink
from terminal.card_chip import load_if_there
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

# The order in which a terminal looks: the nation-wide purse first (contract §5).
PURSES = ("tunion", "cityunion")
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
    """One purse as it is shown."""

    profile: str
    aid: str
    asn: str
    balance_fen: int
    chosen: bool
    why_zh: str
    why_en: str
    log: tuple[LogEntry, ...] = ()

    def row(self) -> dict[str, object]:
        """The stable keys of `--json`; amounts in fen."""
        log = [
            {
                "sequence": entry.sequence,
                "kind": f"{entry.kind:02X}",
                "amount_fen": int(entry.amount),
                "terminal": entry.terminal.hex().upper(),
                "date": entry.date,
                "time": entry.time,
            }
            for entry in self.log
        ]
        return {**{name: getattr(self, name) for name in _KEYS}, "log": log}


_FIRST = ("终端先找这一种", "the kind terminals look for first")
_LATER = ("已有优先的钱包", "another one comes first")
_KEYS = ("profile", "aid", "asn", "balance_fen", "chosen", "why_zh", "why_en")


def main_purse(argv: Sequence[str], log: TrafficSink | None = None) -> int:
    """The command. Exit status: 0 shown, 1 the card has no purse, 2 could not be read, 64 usage."""
    parser = Arguments(prog="onecard card purse", description="卡内各钱包 · every purse on the card")
    add_reader_options(parser, psam=False)
    parser.add_argument("--log", action="store_true", help=f"也列最近 {ENTRIES} 笔 · the newest entries too")
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)

    def run() -> int:
        return _show(on_card(options, lambda channel, _: read_purses(channel), log=log), options.log, options.json)

    return reported(run)


def read_purses(channel: CardChannel) -> list[Shown]:
    """Every purse that answers; the first in the terminal's order that works is the one used."""
    found: list[Shown] = []
    for name in PURSES:
        profile = load_if_there(name)
        if profile is None:
            continue
        session = PurseSession(channel, profile)
        aid = profile.dir(session.rules.dir).aid.hex().upper()
        try:
            public = session.select()
            balance = int(session.balance())
            log = tuple(session.log(ENTRIES))
        except ForeignCardError:
            continue
        except (CardLostError, ReaderLostError):
            raise
        except CardError as trouble:
            found.append(Shown(name, aid, "", 0, False, f"不能用：{trouble.code}", f"does not work: {trouble.code}"))
            continue
        first = not any(item.chosen for item in found)
        why = (
            ("终端先找这一种", "the kind terminals look for first")
            if first
            else ("已有优先的钱包", "another comes first")
        )
        found.append(Shown(name, aid, public.asn.digits, balance, first, *why, log))
    return found


def _show(found: list[Shown], with_log: bool, as_json: bool) -> int:
    if as_json:
        print_json({"purses": [item.row() for item in found]})
        return DONE if found else NO
    if not found:
        print("这张卡没有钱包。 This card has no purse.")
        return NO
    rows = [
        (
            item.profile,
            item.asn or "-",
            _yuan(item.balance_fen) if item.asn else "-",
            "是 yes" if item.chosen else "否 no",
            f"{item.why_zh} {item.why_en}",
        )
        for item in found
    ]
    print_table(rows, ("钱包 purse", "序列号 number", "余额 balance", "终端使用 used", "原因 why"))
    for item in found:
        if with_log:
            print(f"\n{item.profile}")
            print_table([_entry(entry) for entry in item.log] or [("没有记录 no entries", "", "", "", "")])
    return DONE


def _entry(entry: LogEntry) -> tuple[str, str, str, str, str]:
    zh, en = KINDS.get(entry.kind, (f"{entry.kind:02X}", ""))
    when = f"{entry.date} {entry.time}"
    return str(entry.sequence), when, f"{zh} {en}".strip(), _yuan(int(entry.amount)), entry.terminal.hex().upper()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d} 元 yuan"
