"""What every card command shares: options, the reader to use, errors told in two languages, tables.

Exit status: 0 done, 1 the answer is no, 2 could not be tried, 64 usage.
"""

import argparse
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from card import commands
from card.channel import CardChannel, standard
from card.config import ConfigError
from card.errors import (
    CardError,
    CardMuteError,
    ForeignCardError,
    NoCardError,
    NotGenuineError,
    ReaderBusyError,
    ReaderNotFoundError,
)
from card.files.profile import load_profile
from card.readers.patience import PATIENCE_MS, PatientReader
from card.readers.pcsc import PcscReader, find_reader, list_readers
from card.status import send
from card.texts import text
from card.traffic import TrafficSink
from keys.errors import KeysError
from terminal.card_errors import SeveralCardsError
from terminal.errors import TerminalError
from terminal.status_words import explain, status_word_of

DONE, NO, NOT_TRIED, USAGE = 0, 1, 2, 64
LIST = "list"
PROFILE = "ssc-2.00"
# A PSAM answers to the environment's name too, and has no holder: this record tells them apart (card §1.4).
_HOLDER_FILE, _HOLDER_TAG = 6, 0x08
T = TypeVar("T")


class Arguments(argparse.ArgumentParser):
    """argparse with the project's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def add_reader_options(parser: argparse.ArgumentParser, *, psam: bool = True) -> None:
    """`--reader`, `--psam`, `--patience`, `--json`, shared by the card commands."""
    parser.add_argument("--reader", default="", help=f"读卡器名称或其一部分；{LIST} 列出全部 · reader name, or part")
    if psam:
        parser.add_argument("--psam", default="", help="PSAM 所在读卡器，用来验证芯片 · reader of the PSAM")
    add_patience(parser)
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")


def add_patience(parser: argparse.ArgumentParser) -> None:
    """`--patience`, in seconds on the command line."""
    help_ = f"每个应答最多等几秒，默认 {PATIENCE_MS // 1000} · seconds to wait for an answer"
    parser.add_argument("--patience", type=_milliseconds, default=PATIENCE_MS, metavar="S", help=help_)


def _milliseconds(seconds: str) -> int:
    value = float(seconds)
    if not 0 < value <= 3600:
        raise ValueError("seconds out of range")
    return int(value * 1000)


def reported(work: Callable[[], int]) -> int:
    """Run `work`; each of our errors becomes its sentence and next step on stderr, never a traceback."""
    try:
        return work()
    except NotGenuineError as no:
        return complain(no, NO)
    except (CardError, KeysError, TerminalError, ConfigError) as trouble:
        return complain(trouble, NOT_TRIED)


def complain(trouble: CardError | KeysError | TerminalError | ConfigError, status: int) -> int:
    """Code, sentence, status word, next step and detail on stderr; returns `status`."""
    zh, en = text(trouble.code, "zh"), text(trouble.code, "en")
    next_zh, next_en = zh.next_step, en.next_step
    lines = [f"{trouble.code}  {zh.message} {en.message}"]
    sw = status_word_of(trouble) if isinstance(trouble, CardError | KeysError) else None
    if sw is not None:
        word = explain(sw)
        lines.append(f"  状态字 status word  {word.name}  {word.zh} {word.en}")
        if trouble.code == "E-CARD-SW":
            next_zh, next_en = word.next_zh, word.next_en
    lines += [f"  下一步 {next_zh}", f"  next   {next_en}"]
    detail = str(trouble).removeprefix(f"{trouble.code}: ")
    if detail and detail != trouble.code:
        lines.append(f"  详情 detail  {detail}")
    print("\n".join(lines), file=sys.stderr)
    return status


def print_json(value: Any) -> None:
    """One JSON document on one line, Chinese as it is."""
    print(json.dumps(value, ensure_ascii=False))


def print_readers(as_json: bool) -> int:
    """Names of all readers."""

    def show() -> int:
        names = list_readers()
        if not names:
            raise ReaderNotFoundError("", [])
        if as_json:
            print_json(names)
        else:
            print("\n".join(names))
        return DONE

    return reported(show)


@contextmanager
def powered(name: str, patience_ms: int = PATIENCE_MS, log: TrafficSink | None = None) -> Iterator[CardChannel]:
    """The card in reader `name` with the usual stack; let go at the end."""
    channel = PatientReader(PcscReader(name), patience_ms).connect()
    try:
        yield standard(channel, log)
    finally:
        channel.close()


def readers_to_try(wanted: str, psam: str = "") -> list[str]:
    """The named reader, or every reader except the PSAM's. ReaderNotFoundError when there is none."""
    if wanted:
        return [find_reader(wanted)]
    names = list_readers()
    skip = find_reader(psam) if psam else ""
    rest = [name for name in names if name != skip]
    if not rest:
        raise ReaderNotFoundError("", names)
    return rest


def choose(wanted: str, psam: str = "", patience_ms: int = PATIENCE_MS) -> str:
    """The reader with the one card to work on.

    A named reader is taken as it is. Otherwise the only reader that holds a card; among several that hold one, the only
    social security card. SeveralCardsError when two would do; NoCardError, ForeignCardError when none does.
    """
    names = readers_to_try(wanted, psam)
    if wanted:
        return names[0]
    full = [name for name in names if PcscReader(name).card_present()]
    if not full:
        raise NoCardError("no reader holds a card")
    if len(full) == 1:
        return full[0]
    ours: list[str] = []
    complaint: CardError = ForeignCardError("no reader holds a social security card")
    for name in full:
        try:
            with powered(name, patience_ms) as channel:
                if _has_holder(channel):
                    ours.append(name)
        except NoCardError:
            continue
        except (CardMuteError, ReaderBusyError) as trouble:
            complaint = trouble
    if len(ours) > 1:
        raise SeveralCardsError(ours)
    if not ours:
        raise complaint
    return ours[0]


def _has_holder(channel: CardChannel) -> bool:
    environment = load_profile(PROFILE).dir("SSSE")
    for command in (commands.select_aid(environment.aid), commands.select_fid(environment.fid)):
        if send(channel, command).ok:
            answer = send(channel, commands.read_record_by_tag(_HOLDER_TAG, _HOLDER_FILE, 20))
            # 6982: a 3.00 card keeps the holder to itself; it has one.
            return answer.ok or answer.sw == 0x6982
    return False


def on_card(options: argparse.Namespace, work: Callable[[CardChannel, str], T], *, log: TrafficSink | None = None) -> T:
    """`work(channel, reader name)` with the chosen card; `options` are those of `add_reader_options`."""
    name = choose(options.reader, getattr(options, "psam", ""), options.patience)
    try:
        with powered(name, options.patience, log) as channel:
            return work(channel, name)
    except ForeignCardError as other:
        if options.reader:
            raise
        # Nobody named this reader: the card that was meant may be missing from another one.
        raise ForeignCardError(f"{other}; looked into {name!r}, the only reader here with a card") from other


def display_width(text_: str) -> int:
    """Columns on a character screen: full-width characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text_
    )


def fill(text_: str, width: int) -> str:
    """Blanks to the right up to `width` columns; longer text stays whole."""
    return text_ + " " * max(0, width - display_width(text_))


def print_table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Columns aligned by display width, two blanks between them; the last column is not filled."""
    lines = [list(heads), *map(list, rows)] if heads else [list(row) for row in rows]
    if not lines:
        return
    widths = [max(display_width(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        cells = [fill(cell, width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())
