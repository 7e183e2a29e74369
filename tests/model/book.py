"""A chip's fixed structure, read from the profile files by a reader of the model's own: TOML in, plain tables out.

The profiles are facts both sides share; how they are read, merged and understood is not.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PROFILES = Path(__file__).resolve().parents[2] / "card" / "profiles"
Table = dict[str, Any]
BLANK_IS_FF = ("cn", "date", "time", "datetime", "b")
RECORD_FORMS = {"record": "tlv", "ber": "ber", "composite": "composite"}
NAMES = {"dir": ("name",), "key": ("name",), "file": ("dir", "fid"), "record": ("name",), "field": ("name",)}


@dataclass(frozen=True)
class Record:
    """One record: its number, its tag (of a composite one: the low byte of its id), header, blank bytes, own rule."""

    number: int
    tag: int
    header: bytes
    blank: bytes
    read: str


@dataclass(frozen=True)
class File:
    """An elementary file. `kind` is record, composite, transparent or cyclic; BER records are records."""

    home: str
    fid: bytes
    sfi: int
    kind: str
    read: str
    write: str
    size: int = 0
    capacity: int = 0
    records: tuple[Record, ...] = ()
    blank: bytes = b""

    @property
    def by_record(self) -> bool:
        """It has records that all exist from the start."""
        return self.kind in ("record", "composite")


@dataclass(frozen=True)
class Folder:
    """A directory; `shown` is the file whose bytes SELECT returns in 9F0C, `extra` what stands in A5 as it is."""

    name: str
    fid: bytes
    aid: bytes
    parent: str
    fci_version: bytes
    shown: bytes
    extra: bytes


@dataclass(frozen=True)
class KeyLine:
    """A declared key of the card."""

    name: str
    home: str
    kind: int
    kid: int
    tries: int
    versions: tuple[int, ...]


@dataclass
class Book:
    """Everything fixed about one chip. Tables of the first profile that has one speak for the chip."""

    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    keys: list[KeyLine] = field(default_factory=list)
    crypto: dict[str, Table] = field(default_factory=dict)
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    purses: dict[str, Table] = field(default_factory=dict)
    banks: dict[str, Table] = field(default_factory=dict)
    certificates: dict[str, Table] = field(default_factory=dict)
    first: Table = field(default_factory=dict)
    pin: Table | None = None
    life: dict[str, int] = field(default_factory=dict)
    atr: str = ""
    contactless: Table = field(default_factory=dict)
    # The two look-ups of files, made once: by place and FID, by place and SFI.
    by_fid: dict[tuple[str, bytes], File] = field(default_factory=dict)
    by_sfi: dict[tuple[str, int], File] = field(default_factory=dict)

    def line(self, folder: str) -> list[str]:
        """`folder` and those above it, nearest first."""
        found = []
        while folder:
            found.append(folder)
            folder = self.folders[folder].parent
        return found

    def key(self, folder: str, kind: int, kid: int) -> KeyLine | None:
        return next((k for k in self.keys if (k.home, k.kind, k.kid) == (folder, kind, kid)), None)

    @property
    def protocols(self) -> tuple[str, ...]:
        head = self.first["profile"]
        return tuple(head.get("protocols") or (head.get("protocol", "T=0"),))


def table(name: str) -> Table:
    """One profile with what it extends merged in; `name+province` has the province's file laid upon it."""
    name, *provinces = name.split("+")
    whole: Table = tomllib.loads((PROFILES / f"{name}.toml").read_text("utf-8"))
    below = whole["profile"].get("extends")
    made = merged(table(below), whole) if below else whole
    for province in provinces:
        made = merged(made, tomllib.loads((PROFILES / "overlays" / f"{province}.toml").read_text("utf-8")))
    return made


def merged(low: Table, high: Table) -> Table:
    """Tables key by key, lists of named things by name; first what `remove` takes away."""
    gone = [*high.get("remove", ()), *high.get("profile", {}).get("remove", ())]
    result = dict(low)
    for path in gone:
        result = _without(result, path)
    for name, value in high.items():
        known = result.get(name)
        if name in NAMES and isinstance(known, list):
            result[name] = _rows(known, value, NAMES[name])
        elif isinstance(value, dict) and isinstance(known, dict):
            result[name] = {**known, **value}
        elif name != "remove":
            result[name] = value
    return result


def _rows(low: list[Table], high: list[Table], names: tuple[str, ...]) -> list[Table]:
    rows = {tuple(row[name] for name in names): row for row in low}
    for row in high:
        label = tuple(row[name] for name in names)
        mixed = merged(rows[label], row) if label in rows else row
        if label in rows and "record" in mixed:
            mixed["record"] = [{key: value for key, value in r.items() if key != "no"} for r in mixed["record"]]
        rows[label] = mixed
    return list(rows.values())


def _without(profile: Table, path: str) -> Table:
    """`key:NAME`, `DIR` and all in it and below, `DIR/FID`, `DIR/FID/record`."""
    result = dict(profile)
    if path.startswith("key:"):
        result["key"] = [row for row in profile["key"] if row["name"] != path[4:]]
        return result
    place, _, rest = path.partition("/")
    fid, _, record = rest.partition("/")
    if not fid:
        result["dir"] = [row for row in profile["dir"] if row["name"] != place]
        for kind in ("key", "file"):
            result[kind] = [row for row in profile.get(kind, ()) if row["dir"] != place]
        for row in [row for row in result["dir"] if row.get("parent") == place]:
            result = _without(result, row["name"])
        return result
    there = [(row["dir"], row["fid"]) == (place, fid) for row in profile["file"]]
    if not record:
        result["file"] = [row for row, gone in zip(profile["file"], there, strict=True) if not gone]
        return result
    rows = []
    for row, meant in zip(profile["file"], there, strict=True):
        left = [{k: v for k, v in r.items() if k != "no"} for r in row.get("record", ()) if r["name"] != record]
        rows.append({**row, "record": left} if meant and "record" in row else row)
    result["file"] = rows
    return result


@cache
def book(*names: str) -> Book:
    """The structure of a chip with these profiles."""
    made = Book()
    for name in names:
        _add(made, table(name))
    for file in made.files:
        made.by_fid.setdefault((file.home, file.fid), file)
        made.by_sfi.setdefault((file.home, file.sfi), file)
    return made


def _add(made: Book, profile: Table) -> None:
    made.first = made.first or profile
    for entry in profile["dir"]:
        if entry["name"] not in made.folders:
            made.folders[entry["name"]] = _folder(entry)
            made.crypto[entry["name"]] = profile["crypto"]
            made.refused[entry["name"]] = tuple(profile.get("contactless", {}).get("refused", ()))
    for entry in profile.get("key", ()):
        if "type" in entry and "card_kid" in entry and made.key(entry["dir"], entry["type"], entry["card_kid"]) is None:
            made.keys.append(_key(entry))
    made.files += [_file(entry) for entry in profile.get("file", ())]
    for name, places, at in (
        ("purse", made.purses, "dir"),
        ("bank", made.banks, "dir"),
        ("certificate", made.certificates, "adf"),
    ):
        if name in profile:
            places[profile[name][at]] = profile[name]
    made.pin = made.pin or profile.get("pin")
    made.life = made.life or profile.get("cos", {}).get("lifecycle", {})
    made.atr = made.atr or profile.get("atr", {}).get("template", "")
    made.contactless = made.contactless or profile.get("contactless", {})


def _folder(entry: Table) -> Folder:
    return Folder(
        entry["name"],
        bytes.fromhex(entry["fid"]),
        bytes.fromhex(entry.get("aid", "")),
        entry.get("parent", ""),
        bytes.fromhex(entry.get("fci_version", "")),
        bytes.fromhex(entry.get("fci_file", "")),
        bytes.fromhex(entry.get("fci", "")),
    )


def _key(entry: Table) -> KeyLine:
    versions = tuple(entry.get("versions") or (entry.get("version", 1),))
    return KeyLine(entry["name"], entry["dir"], entry["type"], entry["card_kid"], entry.get("tries", 3), versions)


def _file(entry: Table) -> File:
    form = RECORD_FORMS.get(entry["kind"], "")
    fid = bytes.fromhex(entry["fid"])
    fields = b"".join(_blank(item, "composite") for item in entry.get("field", ()))
    return File(
        entry["dir"],
        fid,
        entry.get("sfi", fid[-1] & 0x1F),
        {"ber": "record"}.get(entry["kind"], entry["kind"]),
        entry["read"],
        entry["write"],
        entry.get("size", 0),
        entry.get("capacity", 0),
        tuple(_record(item, number, form) for number, item in enumerate(entry.get("record", ()), 1)),
        fields.ljust(entry.get("size", 0), b"\0"),
    )


def _record(item: Table, number: int, form: str) -> Record:
    content = _value(item, form)
    if form == "composite":
        header = item["tag"].to_bytes(2, "big") + bytes((len(content),))
    else:
        header = _header(item["tag"], len(content), form)
    return Record(item.get("no", number), item["tag"] & 0xFF, header, header + content, item.get("read", ""))


def _header(tag: int, length: int, form: str) -> bytes:
    if form != "ber":
        return bytes((tag, length))
    return tag.to_bytes(1 + (tag > 0xFF), "big") + (b"\x81" if length > 0x7F else b"") + bytes((length,))


def _blank(item: Table, form: str) -> bytes:
    """A part of a constructed thing, with its header where it has one."""
    content = _value(item, form)
    return content if form == "composite" else _header(item["tag"], len(content), form) + content


def _value(item: Table, form: str) -> bytes:
    """card §1.3: what is not yet personalised is FF in digits and raw bytes, 00 in texts and amounts."""
    if "items" in item:
        return b"".join(_blank(part, form) for part in item["items"])
    return (b"\xff" if item["format"] in BLANK_IS_FF else b"\0") * int(item["length"])
