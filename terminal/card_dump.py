"""`onecard card dump`: every file the chip lets us read, each record beside its bytes."""

import getpass
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from card.channel import CardChannel
from card.errors import AccessDeniedError, CardDataError, ForeignCardError, PinInitialError, UnexpectedSwError
from card.files import codecs
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, TransparentEf
from card.files.profile import Profile, load_profile
from card.pin import Pin
from card.purse import PurseSession
from card.readers.pcsc import PcscReader
from card.session import SscSession
from card.snapshot import read_ssc
from card.texts import text
from terminal.card_read import (
    DONE,
    LIST,
    PROFILE,
    Arguments,
    display_width,
    first_card,
    powered,
    print_readers,
    reported,
)

PURSE_PROFILE = "tunion"
LOG_ENTRIES = 10
_LABEL_WIDTH = 26
_VALUE_WIDTH = 34


@dataclass(frozen=True, slots=True)
class Line:
    """One record or field; `code` is the reason when it could not be read."""

    file: str
    name: str
    zh: str
    en: str
    value: str
    hex: str
    code: str = ""

    def row(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("file", "name", "zh", "en", "value", "hex", "code")}


def main_dump(argv: Sequence[str]) -> int:
    """The command. Exit status: 0 read, 2 could not be read, 64 usage."""
    parser = Arguments(prog="onecard card dump", description="逐条列出卡内数据 · every record beside its bytes")
    parser.add_argument("--reader", default="", help="读卡器名称或其一部分 · reader name or a part of it")
    parser.add_argument("--ask-pin", action="store_true", help="输入密码以读取受保护的文件 · ask for the PIN")
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: _run(options.reader, options.ask_pin, options.json))


def _run(wanted: str, ask_pin: bool, as_json: bool) -> int:
    pin = Pin(getpass.getpass("密码 PIN: ")) if ask_pin else None
    _, name = first_card(wanted, "", lambda channel: read_ssc(channel, PROFILE))
    with powered(PcscReader(name)) as channel:
        lines = dump(channel, pin)
    if as_json:
        print(json.dumps([line.row() for line in lines], ensure_ascii=False))
    else:
        _print(lines)
    return DONE


def dump(channel: CardChannel, pin: Pin | None = None) -> list[Line]:
    """All lines of the social security application and, where there is one, of the purse."""
    ssc = load_profile(PROFILE)
    lines = [Line("MF", "atr", "复位应答", "answer to reset", "", channel.atr.hex().upper())]
    session = SscSession(channel, ssc)
    for directory in ssc.dirs:
        if not ssc.files_of(directory.name):
            continue
        session.select_dir(directory.name)
        if pin is not None and any(not ef.read.free for ef in ssc.files_of(directory.name)):
            session.verify_pin(pin)
        for ef in ssc.files_of(directory.name):
            lines += _file_lines(session, ef, ssc)
    return lines + _purse_lines(channel)


def _purse_lines(channel: CardChannel) -> list[Line]:
    profile = load_profile(PURSE_PROFILE)
    session = PurseSession(channel, profile)
    try:
        session.select()
    except ForeignCardError:
        return []
    balance = session.balance()
    lines = [Line(session.rules.dir, "balance", "余额", "balance", balance.yuan(), balance.to_bytes4().hex().upper())]
    for ef in profile.files_of(session.rules.dir):
        lines += _file_lines(session, ef, profile)
    return lines


def _file_lines(session: SscSession | PurseSession, ef: AnyEf, profile: Profile) -> list[Line]:
    try:
        return _read_lines(session, ef, profile)
    except (AccessDeniedError, PinInitialError, UnexpectedSwError) as refused:
        return [Line(ef.path, "", ef.name_zh, ef.name_en, "", "", refused.code)]


def _read_lines(session: SscSession | PurseSession, ef: AnyEf, profile: Profile) -> list[Line]:
    if isinstance(ef, RecordEf):
        return [_line(ef, record, session.read_record_raw(ef, record), profile, 2) for record in ef.records]
    if isinstance(ef, CyclicEf):
        entries = session.read_log(ef.dir, ef.fid.hex(), LOG_ENTRIES)
        return [line for number, entry in enumerate(entries, 1) for line in _entry_lines(ef, number, entry, profile)]
    return _field_lines(ef, session.read_raw(ef), profile)


def _entry_lines(ef: CyclicEf, number: int, entry: dict[str, codecs.Value], profile: Profile) -> list[Line]:
    shown = " ".join(f"{field.name}={codecs.show(entry[field.name])}" for field in ef.fields if field.name != "rfu")
    raw = codecs.encode_fields(ef.fields, entry, profile.text_codec)
    return [Line(f"{ef.path}:{number:02d}", "", ef.name_zh, ef.name_en, shown, raw.hex().upper())]


def _field_lines(ef: TransparentEf, raw: bytes, profile: Profile) -> list[Line]:
    lines: list[Line] = []
    at = 0
    for field in ef.fields:
        lines.append(_line(ef, field, raw[at : at + field.length], profile, 0))
        at += field.length
    return lines


def _line(ef: AnyEf, field: Field, raw: bytes, profile: Profile, head: int) -> Line:
    try:
        value, code = codecs.show(codecs.decode(field, raw[head:], profile.text_codec)), ""
    except CardDataError as bad:
        value, code = "", bad.code
    return Line(ef.path, field.name, field.zh, field.en, value, raw.hex().upper(), code)


def _print(lines: list[Line]) -> None:
    file = ""
    for line in lines:
        if line.file != file:
            file = line.file
            print(f"\n{file}")
        label = f"{line.zh} {line.en}"
        value = line.value or (text(line.code, "zh").message if line.code else "-")
        print(f"  {_fill(label, _LABEL_WIDTH)}  {_fill(value, _VALUE_WIDTH)}  {line.hex}")
    sys.stdout.flush()


def _fill(text_: str, width: int) -> str:
    return text_ + " " * max(0, width - display_width(text_))
