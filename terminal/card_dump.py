"""`onecard card dump`: every file the chip lets us read, each record beside its bytes; photo and certificates as files.

What says something about the holder is masked unless `--full` is given; a saved dump is masked in the same way.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from card.bank import read_pan
from card.channel import CardChannel
from card.domain.entropy import Entropy
from card.errors import (
    AccessDeniedError,
    CardDataError,
    ForeignCardError,
    PinInitialError,
    TlvError,
    UnexpectedSwError,
)
from card.files import codecs
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, RecordField, TransparentEf
from card.files.profile import Profile
from card.pin import Pin
from card.purse import PurseSession
from card.session import SscSession
from card.texts import text
from terminal.card_chip import find_ssc, fitting, load_if_there
from terminal.card_desk import (
    DONE,
    LIST,
    Arguments,
    add_reader_options,
    on_card,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_export import EXPORTS, check_free, export, write_new
from terminal.card_mask import mask, mask_bytes, personal
from terminal.card_pin import PinSource, add_pin_options, show_tries
from terminal.card_rights import Rights, add_test_keys, open_dir, rights_from
from terminal.status_words import explain, status_word_of

PURSES = ("tunion", "cityunion")
LOG_ENTRIES = 10
FORBIDDEN = "E-CARD-FORBIDDEN"
_NOT_READ = (AccessDeniedError, PinInitialError, UnexpectedSwError, CardDataError, TlvError)
_SHOWN_BYTES = 24
_SHORT_HEX = 20  # no text or number of a card is that long and equal to its own bytes in hex


@dataclass(frozen=True, slots=True)
class Line:
    """One record or field; `code` is the reason when it could not be read, `status` the card's word for it.

    `blank`: it was never personalised, which is not the same as holding an empty value. A cyclic file without entries
    is one line without name, bytes and code.
    """

    file: str
    name: str
    zh: str
    en: str
    value: str
    hex: str
    code: str = ""
    status: str = ""
    blank: bool = False

    def row(self, full: bool = True) -> dict[str, str | bool]:
        """The stable keys of `--json`; `masked` says whether value and bytes are hidden."""
        hidden = not full and bool(self.hex) and personal(self.file, self.name)
        return {
            "file": self.file,
            "name": self.name,
            "zh": self.zh,
            "en": self.en,
            "value": self.masked_value() if hidden else self.value,
            "hex": mask_bytes(bytes.fromhex(self.hex)) if hidden else self.hex,
            "code": self.code,
            "status": self.status,
            "blank": self.blank,
            "masked": hidden,
        }

    def masked_value(self) -> str:
        """Bytes shown as hex keep only their number."""
        if len(self.value) > _SHORT_HEX and self.hex.endswith(self.value):
            return mask_bytes(bytes.fromhex(self.value))
        return mask(self.name, self.value)


@dataclass(frozen=True, slots=True)
class Dumped:
    """All lines, and the whole content of transparent files by path."""

    lines: list[Line]
    contents: dict[str, bytes]


def main_dump(argv: Sequence[str], entropy: Entropy) -> int:
    """The command. Exit status: 0 read, 2 could not be read, 64 usage."""
    options = _options(argv)
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: _run(options, entropy))


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog="onecard card dump", description="逐条列出卡内数据 · every record beside its bytes")
    add_reader_options(parser)
    add_test_keys(parser)
    parser.add_argument("--ask-pin", action="store_true", help="输入密码以读取受保护的文件 · ask for the PIN")
    add_pin_options(parser)
    parser.add_argument("--profile", default="", metavar="NAME", help="按这份卡规格 · read by this profile")
    parser.add_argument("--full", action="store_true", help="不遮盖持卡人资料 · do not mask the holder's data")
    parser.add_argument("--out", type=Path, metavar="FILE", help="另存为 JSON，供 card compare 用 · save as JSON")
    for item in EXPORTS:
        parser.add_argument(f"--{item.option}", type=Path, metavar="FILE", help=f"导出{item.zh} · export {item.en}")
    parser.add_argument("--force", action="store_true", help="覆盖已有文件 · replace files that are there")
    return parser.parse_args(list(argv))


def _run(options: argparse.Namespace, entropy: Entropy) -> int:
    wanted = {item: getattr(options, item.option.replace("-", "_")) for item in EXPORTS}
    check_free([path for path in (options.out, *wanted.values()) if path], options.force)
    with rights_from(options, entropy) as rights:
        found = on_card(options, lambda channel, _: _read(channel, options, rights))
    rows = [line.row(options.full) for line in found.lines]
    if options.out:
        write_new(options.out, json.dumps(rows, ensure_ascii=False, indent=1).encode() + b"\n")
    saved = [export(item, path, found.contents) for item, path in wanted.items() if path]
    if options.json:
        print_json(rows)
    else:
        print_lines(rows)
    for note in saved:
        print(note, file=sys.stderr)
    return DONE


def _read(channel: CardChannel, options: argparse.Namespace, rights: Rights | None) -> Dumped:
    pin: Pin | None = None
    if options.ask_pin or options.pin_stdin:
        session = SscSession(channel, find_ssc(channel).profile)
        session.select()
        show_tries(session, quiet=options.json, last_try=options.last_try)
        pin = PinSource(options.pin_stdin).ask("密码 PIN: ")
    return read_chip(channel, pin, rights, options.profile)


def dump(channel: CardChannel, pin: Pin | None = None) -> list[Line]:
    """All lines of the social security application and of the purses, unmasked."""
    return read_chip(channel, pin).lines


def read_chip(channel: CardChannel, pin: Pin | None = None, rights: Rights | None = None, wanted: str = "") -> Dumped:
    """Every declared file of every application the chip has. ForeignCardError when it is no card of ours."""
    ssc = fitting(channel, find_ssc(channel), wanted)
    found = Dumped([Line("MF", "atr", "复位应答", "answer to reset", "", channel.atr.hex().upper())], {})
    session = SscSession(channel, ssc)
    session.select()
    for directory in ssc.dirs:
        files = ssc.files_of(directory.name)
        if not files:
            continue
        try:
            open_dir(session, directory.name, pin, rights)
        except ForeignCardError as absent:
            found.lines.append(Line(directory.name, "", "没有这个应用", "not on this card", "", "", absent.code))
            continue
        for ef in files:
            found.lines.extend(_file_lines(session, ef, ssc, found.contents))
    for name in PURSES:
        profile = load_if_there(name)
        if profile is not None and profile.purse is not None:
            found.lines.extend(_purse_lines(channel, profile, found.contents))
    found.lines.extend(_bank_lines(channel))
    return found


def _bank_lines(channel: CardChannel) -> list[Line]:
    """The bank card's number, which its application tells everybody; nothing where there is none."""
    try:
        bank = read_pan(channel)
    except (ForeignCardError, *_NOT_READ):
        return []
    return [
        Line("BANK", "pan", "银行卡号", "bank card number", bank.pan.digits, bank.pan.digits.encode().hex().upper())
    ]


def _purse_lines(channel: CardChannel, profile: Profile, contents: dict[str, bytes]) -> list[Line]:
    session = PurseSession(channel, profile)
    try:
        session.select()
        balance = session.balance()
    except ForeignCardError:
        return []
    lines = [Line(session.rules.dir, "balance", "余额", "balance", balance.yuan(), balance.to_bytes4().hex().upper())]
    for ef in profile.files_of(session.rules.dir):
        lines += _file_lines(session, ef, profile, contents)
    return lines


def _file_lines(
    session: SscSession | PurseSession, ef: AnyEf, profile: Profile, contents: dict[str, bytes]
) -> list[Line]:
    if isinstance(ef, RecordEf):
        return _record_lines(session, ef, profile)
    try:
        if isinstance(ef, CyclicEf):
            entries = session.read_log(ef.dir, ef.fid.hex(), LOG_ENTRIES)
            lines = [_entry_line(ef, number, entry, profile) for number, entry in enumerate(entries, 1)]
            return lines or [Line(ef.path, "", ef.name_zh, ef.name_en, "", "")]
        raw = session.read_raw(ef)
    except _NOT_READ as refused:
        return [_refusal(ef, "", ef.name_zh, ef.name_en, refused)]
    contents[ef.path] = raw
    return _field_lines(ef, raw, profile)


def _record_lines(session: SscSession | PurseSession, ef: RecordEf, profile: Profile) -> list[Line]:
    lines: list[Line] = []
    for record in ef.records:
        try:
            raw = session.read_record_raw(ef, record)
        except _NOT_READ as refused:
            lines.append(_refusal(ef, record.name, record.zh, record.en, refused))
            continue
        blank = raw == codecs.blank_record(record)
        lines.append(_line(ef, record, raw, partial(_shown_record, record, raw, profile), blank))
    refused_codes = {line.code for line in lines}
    if len(lines) > 1 and len(refused_codes) == 1 and "" not in refused_codes and not any(line.hex for line in lines):
        # The whole file says the same: one line is enough.
        return [Line(ef.path, "", ef.name_zh, ef.name_en, "", "", lines[0].code, lines[0].status)]
    return _of_one_file(lines)


def _of_one_file(lines: list[Line]) -> list[Line]:
    """A blank field of a file in use was not forgotten: whoever wrote the file had nothing to say there."""
    in_use = any(line.hex and not line.blank for line in lines)
    return [replace(line, blank=False) for line in lines] if in_use else lines


def _shown_field(field: Field, raw: bytes, profile: Profile) -> str:
    return codecs.show(codecs.decode(field, raw, profile.text_codec))


def _shown_record(record: RecordField, raw: bytes, profile: Profile) -> str:
    return codecs.show(codecs.decode_record(record, raw, profile.text_codec))


def _entry_line(ef: CyclicEf, number: int, entry: dict[str, codecs.Value], profile: Profile) -> Line:
    shown = " ".join(f"{field.name}={codecs.show(entry[field.name])}" for field in ef.fields if field.name != "rfu")
    raw = codecs.encode_fields(ef.fields, entry, profile.text_codec)
    return Line(f"{ef.path}:{number:02d}", "", ef.name_zh, ef.name_en, shown, raw.hex().upper())


def _field_lines(ef: TransparentEf, raw: bytes, profile: Profile) -> list[Line]:
    lines: list[Line] = []
    at = 0
    for field in ef.fields:
        part = raw[at : at + field.length]
        blank = part == codecs.blank(field)
        lines.append(_line(ef, field, part, partial(_shown_field, field, part, profile), blank))
        at += field.length
    return _of_one_file(lines)


def _line(ef: AnyEf, field: Field, raw: bytes, decoded: Callable[[], str], blank: bool) -> Line:
    try:
        value, code = decoded(), ""
    except (CardDataError, TlvError) as bad:
        value, code = "", bad.code
    return Line(ef.path, field.name, field.zh, field.en, value, raw.hex().upper(), code, "", blank)


def _refusal(ef: AnyEf, name: str, zh: str, en: str, refused: Exception) -> Line:
    code = FORBIDDEN if not ef.read.any_of else getattr(refused, "code", "")
    sw = status_word_of(refused) if isinstance(refused, _NOT_READ) else None
    return Line(ef.path, name, zh, en, "", "", code, explain(sw).name if sw is not None else "")


def print_lines(rows: Sequence[dict[str, str | bool]]) -> None:
    """A heading for each file, then label, value and bytes."""
    file = ""
    block: list[tuple[str, str, str]] = []
    for row in rows:
        path = str(row["file"])
        if path != file:
            print_table(block)
            file, block = path, []
            print(f"\n{path}")
        block.append((f"  {row['zh']} {row['en']}", _shown_value(row), _short(str(row["hex"]))))
    print_table(block)
    sys.stdout.flush()


def _shown_value(row: dict[str, str | bool]) -> str:
    if row["value"]:
        value = str(row["value"])
        return value if len(value) <= 2 * _SHOWN_BYTES else value[: 2 * _SHOWN_BYTES] + "…"
    if row["code"]:
        code = str(row["code"])
        return f"{text(code, 'zh').message} {text(code, 'en').message} {row['status'] or code}"
    if row["blank"]:
        return "未写入 not personalised"
    if not row["name"] and not row["hex"]:
        return "没有记录 no entries"
    return "空 empty" if row["name"] and row["hex"] and row["name"] != "atr" else "-"


def _short(hex_: str) -> str:
    return hex_ if len(hex_) <= 2 * _SHOWN_BYTES else f"{hex_[: 2 * _SHOWN_BYTES]}… ({len(hex_) // 2} bytes)"
