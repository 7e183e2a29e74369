"""`onecard card read`: one card in one power-on session, as a table for people or as JSON (contract §9)."""

import argparse
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from card.channel import CardChannel, standard
from card.domain.entropy import Entropy
from card.domain.identity import RegionCode
from card.errors import (
    CardDataError,
    CardError,
    ForeignCardError,
    NoCardError,
    NotGenuineError,
    ProfileError,
    ReaderNotFoundError,
)
from card.files.profile import load_profile
from card.readers.pcsc import PcscReader, find_reader, list_readers
from card.readers.reader import Reader
from card.session import SscSession
from card.snapshot import CardSnapshot, read_ssc
from card.texts import both
from keys.errors import KeysError
from keys.psam import PsamSession

DONE, NO, NOT_TRIED, USAGE = 0, 1, 2, 64
PROFILE = "ssc-2.00"
PSAM_PROFILE = "psam-ssc"
RANDOM_LENGTH = 8
LIST = "list"
LABELS = (
    ("region", "发卡地区", "issuing region"),
    ("citizen_no", "社会保障号码", "social security no."),
    ("card_no", "卡号", "card number"),
    ("card_id", "卡识别码", "card id"),
    ("name", "姓名", "name"),
    ("reset_info", "卡复位信息", "reset information"),
    ("version", "规范版本", "version"),
    ("issued", "发卡日期", "issued on"),
    ("valid_to", "卡有效期", "valid to"),
    ("terminal_no", "终端机编号", "terminal number"),
    ("device_no", "终端设备号", "device number"),
)


class Arguments(argparse.ArgumentParser):
    """argparse with the project's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer of `card read`; `psam_checked` says whether the chip was proven."""

    snapshot: CardSnapshot
    terminal_no: str = ""
    psam_checked: bool = False

    def fields(self) -> dict[str, str]:
        """The eleven fields of the standard reading function in its order, then `line` (card §4.3, A)."""
        snapshot = self.snapshot
        raw = snapshot.values.get("card_id", b"")
        card_id = raw.hex().upper() if isinstance(raw, bytes) else ""
        values = {
            "region": card_id[:6],
            "citizen_no": snapshot.text("citizen_no"),
            "card_no": snapshot.text("card_no"),
            "card_id": card_id,
            "name": snapshot.name,
            "reset_info": snapshot.reset_info,
            "version": snapshot.text("version"),
            "issued": snapshot.text("issued"),
            "valid_to": snapshot.text("valid_to"),
            "terminal_no": self.terminal_no,
            "device_no": "",
        }
        return {**values, "line": "".join(f"{values[name]}|" for name, _, _ in LABELS)}


def main_read(argv: Sequence[str], entropy: Entropy) -> int:
    """The command. Exit status: 0 read, 1 the chip is not genuine, 2 could not be read, 64 usage."""
    parser = Arguments(prog="onecard card read", description="读一张卡 · read a card")
    add_reader_options(parser)
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: _show(_read(options.reader, options.psam, entropy), options.json))


def add_reader_options(parser: argparse.ArgumentParser) -> None:
    """`--reader`, `--psam`, `--json`, shared by the card commands."""
    parser.add_argument("--reader", default="", help=f"读卡器名称或其一部分；{LIST} 列出全部 · reader name, or part")
    parser.add_argument("--psam", default="", help="PSAM 所在读卡器，用来验证芯片 · reader of the PSAM")
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")


def reported(work: Callable[[], int]) -> int:
    """Run `work`; each of our errors becomes its sentence and next step on stderr, never a traceback."""
    try:
        return work()
    except NotGenuineError as no:
        return _complain(no.code, str(no), NO)
    except (CardError, KeysError) as trouble:
        return _complain(trouble.code, str(trouble), NOT_TRIED)


def _complain(code: str, detail: str, status: int) -> int:
    print(both(code), file=sys.stderr)
    if detail:
        print(f"  详情 detail  {detail}", file=sys.stderr)
    return status


def print_readers(as_json: bool) -> int:
    """Names of all readers."""

    def show() -> int:
        names = list_readers()
        if not names:
            raise ReaderNotFoundError("", [])
        print(json.dumps(names, ensure_ascii=False) if as_json else "\n".join(names))
        return DONE

    return reported(show)


@contextmanager
def powered(reader: Reader) -> Iterator[CardChannel]:
    """A card's channel with the usual stack; the card is let go at the end."""
    channel = reader.connect()
    try:
        yield standard(channel)
    finally:
        channel.close()


def readers_to_try(wanted: str, psam: str) -> list[str]:
    """The named reader, or every reader except the PSAM's. ReaderNotFoundError when there is none."""
    if wanted:
        return [find_reader(wanted)]
    names = list_readers()
    skip = find_reader(psam) if psam else ""
    rest = [name for name in names if name != skip]
    if not rest:
        raise ReaderNotFoundError("", names)
    return rest


def first_card(wanted: str, psam: str, work: Callable[[CardChannel], CardSnapshot]) -> tuple[CardSnapshot, str]:
    """(what `work` read, reader name) from the first reader with one of our cards.

    When no reader has one, the error that says most: a foreign card rather than an empty slot.
    """
    complaint: CardError | None = None
    for name in readers_to_try(wanted, psam):
        try:
            with powered(PcscReader(name)) as channel:
                return work(channel), name
        except (NoCardError, ForeignCardError) as trouble:
            if complaint is None or isinstance(trouble, ForeignCardError):
                complaint = trouble
    raise complaint or NoCardError("no reader holds a card")


def _read(wanted: str, psam: str, entropy: Entropy) -> Reading:
    if not psam:
        snapshot, _ = first_card(wanted, psam, lambda channel: read_ssc(channel, PROFILE))
        return Reading(snapshot)
    with powered(PcscReader(find_reader(psam))) as psam_channel:
        module = PsamSession(psam_channel)
        number = module.terminal_number().hex().upper()

        def proven(channel: CardChannel) -> CardSnapshot:
            snapshot = read_ssc(channel, PROFILE)
            prove_chip(channel, snapshot, module, entropy)
            return snapshot

        snapshot, _ = first_card(wanted, psam, proven)
        return Reading(snapshot, number, psam_checked=True)


def prove_chip(channel: CardChannel, snapshot: CardSnapshot, module: PsamSession, entropy: Entropy) -> None:
    """INTERNAL AUTHENTICATION in the same power-on session as the reading (contract §5). NotGenuineError.

    The identification code must also belong to this chip: its serial is repeated in the answer to reset.
    """
    if not snapshot.personalised:
        raise CardDataError("card_id", "not personalised, nothing to prove")
    if not snapshot.bound_to_atr:
        raise NotGenuineError("the identification code does not belong to this chip")
    kid = load_profile(PSAM_PROFILE).key("IRK").psam_kid
    if kid is None:
        raise ProfileError(f"{PSAM_PROFILE}: key IRK has no psam_kid")
    factor, original = entropy.token(RANDOM_LENGTH), entropy.token(RANDOM_LENGTH)
    city = RegionCode(snapshot.card_id.region).city_factor
    answer = SscSession(channel, load_profile(PROFILE)).internal_authenticate(factor, original)
    if answer != module.authenticate_internal(kid, snapshot.facts.card_factor, city, factor, original):
        raise NotGenuineError("the chip does not hold the key of its identification code")


def _show(reading: Reading, as_json: bool) -> int:
    fields = reading.fields()
    if as_json:
        print(json.dumps(fields, ensure_ascii=False))
        return DONE
    rows = [(f"{zh} {en}", fields[name] or "-") for name, zh, en in LABELS]
    proof = "已验证，是真卡 proven genuine" if reading.psam_checked else "未验证（用 --psam）not proven (use --psam)"
    print_table([*rows, ("芯片 chip", proof)])
    if not reading.snapshot.personalised:
        print("这张卡还没有写入持卡人资料。 This card holds no personal data yet.")
    return DONE


def print_table(rows: Sequence[tuple[str, str]]) -> None:
    """Two columns, aligned by display width."""
    width = max(display_width(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label}{' ' * (width - display_width(label))}  {value}")


def display_width(text: str) -> int:
    """Columns on a character screen: full-width characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
