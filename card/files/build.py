"""From tables to frozen records: every unknown, missing or wrongly typed key becomes a finding."""

import dataclasses
import difflib
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from card.files.kinds import (
    Access,
    AnyEf,
    CyclicEf,
    Example,
    Field,
    Item,
    RecordEf,
    RecordField,
    TransparentEf,
)
from card.files.tables import Findings, Table

T = TypeVar("T")
CONSTRUCTED = {"tlv": "b-tlv", "ber": "ber", "composite": "fields"}
# kind of a [[file]] -> form of its records
RECORD_KINDS = {"record": "tlv", "ber": "ber", "composite": "composite"}
FILE_KINDS = (*RECORD_KINDS, "transparent", "cyclic")


class _Wrong(Exception):
    """A value that cannot be what the profile needs; both sentences."""

    code = "E-PROFILE"

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class Builder:
    """Builds records and remembers the table of each, so that later checks can name its line.

    A value that is missing or wrong is found once and then stood in for, so that everything else is checked as well;
    `doubtful` tells which those are, and nothing more is said of them. Such a profile is never handed out.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        # The record itself is kept beside its table, else its id could pass to another.
        self._origin: dict[int, tuple[object, Table, frozenset[str]]] = {}

    def table_of(self, built: object) -> Table | None:
        """The table a record was built from."""
        found = self._origin.get(id(built))
        return found[1] if found else None

    def doubtful(self, built: object, key: str) -> bool:
        """True when the value of `key` is only a stand-in."""
        found = self._origin.get(id(built))
        return found is not None and key in found[2]

    def one(self, kind: type[T], row: object, where: str, parent: Table | None = None) -> T | None:
        """A frozen record from a table; findings say what is wrong with it. None when it is no table at all."""
        if not isinstance(row, Table):
            self.findings.note(parent, where.strip("[]"), where, "应为一个表", f"{where} must be a table")
            return None
        values: dict[str, object] = {}
        hints, meant = _hints(kind), set()  # type: ignore[arg-type]
        for name, value in row.items():
            if name not in hints:
                meant.add(self._unknown(hints, row, name, where))
                continue
            try:
                values[name] = _convert(value, hints[name])
            except _Wrong as wrong:
                self.findings.note(row, name, f"{where} {name}", wrong.zh, wrong.en)
        needed = _needed(kind)  # type: ignore[arg-type]
        for name in sorted(needed - set(row) - meant):
            self.findings.note(row, "", where, f"缺少 {name}", f"{where} lacks {name!r}")
        doubts = (needed | (set(row) & set(hints))) - set(values)
        built = kind(**values, **{name: _stand_in(hints[name]) for name in doubts})
        self._origin[id(built)] = (built, row, frozenset(doubts))
        return built

    def many(self, kind: type[T], rows: object, where: str, parent: Table) -> list[T]:
        """Those of a list of tables that can be built."""
        return [built for row in self.rows(rows, where, parent) if (built := self.one(kind, row, _named(where, row)))]

    def rows(self, rows: object, where: str, parent: Table) -> list[Table]:
        """The tables of an array of tables; anything else is a finding."""
        if isinstance(rows, list) and all(isinstance(row, Table) for row in rows):
            return rows
        self.findings.note(
            parent, where.strip("[]").split()[-1], where, "应为一组表", f"{where} must be a list of tables"
        )
        return [row for row in rows if isinstance(row, Table)] if isinstance(rows, list) else []

    def file(self, row: Table) -> AnyEf | None:
        """An elementary file with its records or fields."""
        row = row.copied()
        kind = row.pop("kind", None)
        where = f"[[file]] {row.get('dir', '')}/{row.get('fid', '')}"
        if not isinstance(kind, str) or kind not in FILE_KINDS:
            kinds = "、".join(FILE_KINDS)
            self.findings.note(
                row, "kind", where, f"kind {_shown(kind)} 未知，应为 {kinds}", f"kind {_shown(kind)} is not known"
            )
            kind = _kind_meant(kind, row)
            if kind is None:
                return None
        fid = row.get("fid")
        if "sfi" not in row and isinstance(fid, str) and _is_hex(fid) and fid:
            row["sfi"] = bytes.fromhex(fid)[-1] & 0x1F
        if kind in RECORD_KINDS:
            return self._record_file(row, RECORD_KINDS[kind], where)
        rows = self.rows(row.pop("field", []), f"{where} field", row)
        fields = [item for part in rows if (item := self.one(Field, part, _named(where, part)))]
        row["fields"] = []
        if kind == "cyclic":
            cyclic = self.one(CyclicEf, row, where)
            return cyclic and self._completed(cyclic, fields=tuple(fields))
        transparent = self.one(TransparentEf, row, where)
        return transparent and self._completed(transparent, fields=tuple(fields))

    def _record_file(self, row: Table, form: str, where: str) -> RecordEf | None:
        rows = self.rows(row.pop("record", []), f"{where} record", row)
        records = [self._record(part, n, form, _named(where, part)) for n, part in enumerate(rows, 1)]
        row["records"] = []
        ef = self.one(RecordEf, row, where)
        if ef is None or any(record is None for record in records):
            return None
        return self._completed(ef, records=tuple(records), form=form)

    def _record(self, row: Table, number: int, form: str, where: str) -> RecordField | None:
        row = row.copied()
        row.setdefault("no", number)
        items = self._items(row, form, where)
        record = self.one(RecordField, row, where)
        return self._completed(record, form=form, items=items or ()) if record and items is not None else None

    def _items(self, row: Table, form: str, where: str) -> tuple[Item, ...] | None:
        """The parts of a constructed row, taken out of it; its format and length follow from them. None: unsound."""
        if "items" not in row:
            return ()
        given = self.rows(row.pop("items"), f"{where} items", row)
        built: list[Item] = []
        for part in (part.copied() for part in given):
            inner = self._items(part, form, _named(where, part))
            item = self.one(Item, part, _named(where, part))
            if item is not None and inner is not None:
                built.append(self._completed(item, items=inner))
        if len(built) < len(given):
            return None
        row["format"] = CONSTRUCTED[form]
        length = sum(item_size(item, form) for item in built)
        if row.setdefault("length", length) != length:
            self.findings.note(
                row,
                "length",
                where,
                f"各项共 {length} 字节，与 length 不符",
                f"its parts add up to {length} bytes, not length",
            )
        return tuple(built)

    def _completed(self, built: T, **parts: object) -> T:
        """`built` with its parts; its table goes with it."""
        made: T = dataclasses.replace(built, **parts)  # type: ignore[type-var]
        if id(built) in self._origin:
            self._origin[id(made)] = (made, *self._origin[id(built)][1:])
        return made

    def _unknown(self, hints: dict[str, Any], row: Table, name: str, where: str) -> str:
        """Note an unknown key; returns the one that was probably meant, or nothing."""
        near = difflib.get_close_matches(name, sorted(set(hints) - set(row)), 1)
        zh, en = (f"，是不是 {near[0]}", f"; is it {near[0]!r}?") if near else ("", "")
        self.findings.note(row, name, where, f"不认识 {name}{zh}", f"{where} has an unknown key {name!r}{en}")
        return near[0] if near else ""


def item_size(item: Item, form: str) -> int:
    """Bytes of one part in its record, tag and length included."""
    if form == "composite":
        return item.length
    head = (2 if item.tag > 0xFF else 1) + (2 if form == "ber" and item.length > 0x7F else 1)
    return head + item.length


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    if kind is RecordField:
        hints.pop("form")
    return hints


@cache
def _needed(kind: Any) -> frozenset[str]:
    return frozenset(
        item.name
        for item in dataclasses.fields(kind)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    )


def _kind_meant(kind: object, row: Table) -> str | None:
    """What the writer of an unknown kind probably meant, so that the rest of the file is checked as well."""
    near = difflib.get_close_matches(kind, FILE_KINDS, 1) if isinstance(kind, str) else []
    if near:
        return near[0]
    return "record" if "record" in row else "transparent" if "field" in row else None


def _named(where: str, row: Table) -> str:
    name = row.get("name", "")
    return f"{where} {name}".strip() if isinstance(name, str) else where


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    """A value for a sentence: short, whatever it is."""
    if isinstance(value, dict | list):
        return "表" if isinstance(value, dict) else "列表"
    text = hex(value) if type(value) is int and abs(value) > 1 << 64 else repr(value)
    return text if len(text) <= 40 else f"{text[:36]}…"


def _hex(value: object) -> bytes:
    if not isinstance(value, str):
        raise _Wrong(f"{_shown(value)} 不是十六进制文字", f"{_shown(value)} is not of type hex text")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise _Wrong(f"{value[:40]!r} 不是成对的十六进制", f"{value[:40]!r} is not pairs of hex digits") from None


def _access(value: object) -> Access:
    if not isinstance(value, str):
        raise _Wrong(f"{_shown(value)} 不是存取条件", f"{_shown(value)} is not of type access condition")
    try:
        return Access.parse(value)
    except ValueError as bad:
        raise _Wrong(f"存取条件 {value!r} 有不认识的凭据", f"access condition {value!r}: {bad}") from None


def _example(value: object) -> Example:
    known = {"value", "hex", "rest"}
    if not isinstance(value, Table) or not {"value", "hex"} <= set(value) <= known:
        raise _Wrong("example 应为 { value, hex }", "example must be { value, hex }")
    if not all(isinstance(part, str) for part in value.values()) or not _is_hex(value["hex"]):
        raise _Wrong("example 的 value 与 hex 均为文字，hex 成对", "example: value and hex are text, hex in pairs")
    return Example(value["value"], value["hex"], value.get("rest", ""))


def _plain(kind: type) -> Callable[[object], object]:
    def convert(value: object) -> object:
        if type(value) is not kind:
            raise _Wrong(
                f"{_shown(value)} 的类型应为 {kind.__name__}", f"{_shown(value)} is not of type {kind.__name__}"
            )
        return value

    return convert


_CONVERT: dict[object, Callable[[object], object]] = {
    bytes: _hex,
    Access: _access,
    Access | None: _access,
    Example | None: _example,
    int: _plain(int),
    int | None: _plain(int),
    str: _plain(str),
    bool: _plain(bool),
}


def _stand_in(hint: Any) -> object:
    """Something of the right type in the place of a value that is not there."""
    if hint is Access:
        return Access.parse("free")
    if hint in (int | None, Access | None, Example | None):
        return None
    if hint in (int, str, bytes, bool):
        return 1 if hint is int else hint()
    return (get_origin(hint) or hint)()


def _convert(value: object, hint: Any) -> object:
    if hint in _CONVERT:
        return _CONVERT[hint](value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise _Wrong(f"{_shown(value)} 应为列表", f"{_shown(value)} is not of type list")
        return tuple(_convert(item, arguments[0]) for item in value)
    if origin is dict:
        if not isinstance(value, Table):
            raise _Wrong(f"{_shown(value)} 应为表", f"{_shown(value)} is not of type table")
        return {key: _convert(item, arguments[1]) for key, item in value.items()}
    raise TypeError(hint)
