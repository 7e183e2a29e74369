"""The strings callers pass in: pCardInfo, pFileAddr, pWriteData, pPayInfo, pKey (card §4.2), parsed and checked.

pFileAddr is `SSSEEF05|06|07|$SSSEEF06|08|09|$`: groups of a file and its tags, each closed by `$`. `43:01` is the first
record of a repeated tag; `DF02EF07:01` the newest record of a cyclic file. pWriteData has values where the tags stand.
"""

import re
from dataclasses import dataclass

from terminal.ldt33.codes import Code, Ldt33Error

FIELD, GROUP = "|", "$"
MAX_TEXT = 16_384
MAX_GROUPS = 32
MAX_ITEMS = 64
# MF and 3F00 name the root, under which the card's own environment hangs (card §4.2, A).
_FILE = re.compile(r"(SSSE|MF|3F00|DF0[1-7])(EF[0-9A-F]{2})(?::([0-9]{2}))?")
_TAG = re.compile(r"([0-9A-F]{2})(?::([0-9]{2}))?")
_PREFIX = {"MF": "SSSE", "3F00": "SSSE"}
_HEX32 = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True)
class Tag:
    """A record by tag; `nth` counts from 1 among records of one tag, 0 when the caller did not say."""

    tag: int
    nth: int = 0

    @property
    def text(self) -> str:
        return f"{self.tag:02X}" + (f":{self.nth:02d}" if self.nth else "")


@dataclass(frozen=True, slots=True)
class FileAddress:
    """One group: `written` is the file as the caller wrote it; `number` of a cyclic record, 0 for none."""

    written: str
    dir: str
    fid: str
    number: int
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class CardInfo:
    """pCardInfo: `卡识别码|卡号|`."""

    card_id: bytes
    card_no: str


@dataclass(frozen=True, slots=True)
class PayInfo:
    """pPayInfo: two amounts in fen, and the time as fourteen digits (card §4.2, B)."""

    personal: int
    pooled: int
    moment: str


def parse_addresses(text: str) -> tuple[FileAddress, ...]:
    """-23 for a file or tag that cannot be, -14 for a text that is no address at all, -42 when it is too long."""
    return tuple(_address(first, rest) for first, rest in _groups(text))


def parse_values(text: str, addresses: tuple[FileAddress, ...]) -> tuple[tuple[str, ...], ...]:
    """The values of pWriteData, group for group as `addresses` name them; -23 when they do not correspond."""
    groups = _groups(text)
    if len(groups) != len(addresses):
        raise Ldt33Error(Code.BAD_INPUT, "other groups than the addresses")
    for (first, values), address in zip(groups, addresses, strict=True):
        if first != address.written or (address.tags and len(values) != len(address.tags)):
            raise Ldt33Error(Code.BAD_INPUT, f"values do not correspond to {address.written}")
    return tuple(values for _, values in groups)


def render(addresses: tuple[FileAddress, ...], values: tuple[tuple[str, ...], ...]) -> str:
    """What reading returns: the addresses with values in place of tags (card §4.2, A)."""
    groups = zip(addresses, values, strict=True)
    return "".join(line(address.written, *found) + GROUP for address, found in groups)


def line(*fields: str) -> str:
    """Fields, each closed by `|`; -15 when a field holds a character that would cut the string elsewhere."""
    for field in fields:
        if FIELD in field or GROUP in field:
            raise Ldt33Error(Code.BAD_INFORMATION, "a value holds a separator")
    return "".join(field + FIELD for field in fields)


def parse_card_info(text: str) -> CardInfo:
    """-20 when the identification code is not 32 hex digits, -14 when there are not two fields."""
    fields = split_line(text, 2)
    if not _HEX32.fullmatch(fields[0]):
        raise Ldt33Error(Code.CARD_ID_FORMAT)
    return CardInfo(bytes.fromhex(fields[0]), fields[1])


def parse_pay_info(text: str) -> PayInfo:
    """-23 for amounts that are not yuan with at most two decimals, or a time that is not one."""
    personal, pooled, moment = split_line(text, 3)
    if not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d", moment):
        raise Ldt33Error(Code.BAD_INPUT, "time")
    return PayInfo(_fen(personal), _fen(pooled), moment)


def split_line(text: str, count: int, *, least: int | None = None) -> tuple[str, ...]:
    """Fields of an `a|b|` line, the last `|` optional; -14 for another number; missing ones down to `least` are ""."""
    if len(text) > MAX_TEXT:
        raise Ldt33Error(Code.TOO_LONG)
    fields = text.split(FIELD)
    if fields and fields[-1] == "":
        fields.pop()
    if not (count if least is None else least) <= len(fields) <= count:
        raise Ldt33Error(Code.BAD_PARAMETER, f"{len(fields)} fields, {count} wanted")
    return tuple(fields + [""] * (count - len(fields)))


def hex_field(text: str, length: int) -> bytes:
    """`length` bytes of hex; -23 for anything else."""
    if len(text) != 2 * length or not re.fullmatch(r"[0-9A-Fa-f]*", text):
        raise Ldt33Error(Code.BAD_INPUT, f"not {length} bytes of hex")
    return bytes.fromhex(text)


def _groups(text: str) -> list[tuple[str, tuple[str, ...]]]:
    if len(text) > MAX_TEXT:
        raise Ldt33Error(Code.TOO_LONG)
    groups = text.split(GROUP)
    if groups.pop() or not 0 < len(groups) <= MAX_GROUPS:
        raise Ldt33Error(Code.BAD_PARAMETER, "groups end with $")
    found = []
    for group in groups:
        fields = group.split(FIELD)
        if len(fields) > 1 and fields.pop():
            raise Ldt33Error(Code.BAD_PARAMETER, "fields end with |")
        if len(fields) > MAX_ITEMS:
            raise Ldt33Error(Code.TOO_LONG)
        found.append((fields[0], tuple(fields[1:])))
    return found


def _address(first: str, tags: tuple[str, ...]) -> FileAddress:
    match = _FILE.fullmatch(first)
    if match is None:
        raise Ldt33Error(Code.BAD_INPUT, "no such file address")
    prefix, fid, number = match.groups()
    if number == "00":
        raise Ldt33Error(Code.BAD_INPUT, "records count from 01")
    return FileAddress(first, _PREFIX.get(prefix, prefix), fid, int(number or 0), tuple(map(_tag, tags)))


def _tag(text: str) -> Tag:
    match = _TAG.fullmatch(text)
    if match is None or match[2] == "00":
        raise Ldt33Error(Code.BAD_INPUT, "no such tag")
    return Tag(int(match[1], 16), int(match[2] or 0))


def _fen(text: str) -> int:
    match = re.fullmatch(r"(\d{1,7})(?:\.(\d{1,2}))?", text)
    if match is None:
        raise Ldt33Error(Code.BAD_INPUT, "amount")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
