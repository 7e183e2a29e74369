"""Card profiles: read from TOML, checked whole, frozen. A fact that is not in a profile is not known to the code."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, get_type_hints

from card.errors import CardDataError, FieldError, ProfileError
from card.files import codecs
from card.files.kinds import (
    CONFIDENCES,
    FORMATS,
    Access,
    AnyEf,
    CyclicEf,
    Dir,
    Example,
    Field,
    KeySpec,
    PurseEf,
    RecordEf,
    RecordField,
    TransparentEf,
)
from card.text_codec import Edition

T = TypeVar("T")
PROVE_SEQUENCES = ("init", "init_plus_1")
PROVE_ORDERS = ("mac_tac", "tac_mac")


@dataclass(frozen=True, slots=True)
class Crypto:
    """Algorithm family of the chip's keys; the formulas live upstairs in `keys`."""

    algorithm: str
    algorithm_id: int
    mac_iv: str
    mac_length: int
    diversification: str


@dataclass(frozen=True, slots=True)
class AtrSpec:
    """Answer to reset: `template` has {region} (3 bytes) and {serial} (3 bytes); `accepted` are heads, XX any byte."""

    template: str
    historical_length: int
    accepted: tuple[str, ...]
    confidence: str

    def build(self, region: bytes, serial: bytes) -> bytes:
        """The ATR of a chip; both arguments three bytes."""
        if len(region) != 3 or len(serial) != 3:
            raise ValueError("region and serial are three bytes each")
        return bytes.fromhex(self.template.format(region=region.hex(), serial=serial.hex()))

    def historical(self, atr: bytes) -> bytes | None:
        """The historical bytes of an accepted ATR, or None for a foreign one."""
        for head in self.accepted:
            body = len(head) // 2
            same = all(head[2 * i : 2 * i + 2] in ("XX", f"{byte:02X}") for i, byte in enumerate(atr[:body]))
            if same and len(atr) == body + self.historical_length:
                return atr[body:]
        return None


@dataclass(frozen=True, slots=True)
class CardIdSpec:
    """Layout of the card identification code (card §1.10)."""

    rid: bytes
    serial_offset: int
    serial_length: int
    mac_length: int


@dataclass(frozen=True, slots=True)
class PinSpec:
    """Rules of the holder's PIN."""

    dir: str
    max_tries: int
    initial: str
    length: int
    must_change_initial: bool
    verify_p2: int
    confidence: str


@dataclass(frozen=True, slots=True)
class CosSpec:
    """Management commands of the declared COS, as command heads."""

    transport_key_dir: str
    initialise: bytes
    write_key: bytes
    end_personalisation: bytes
    prove_key_version: bytes
    lifecycle: dict[str, int]
    confidence: str


@dataclass(frozen=True, slots=True)
class PsamSpec:
    """Dialect of a PSAM application (card §3.4, keys-and-purse §1.7)."""

    dir: str
    confidence: str
    usage: int = 0
    city_usage: int = 0
    init_session: bytes = b""
    crypt: bytes = b""
    purchase_levels: int = 0
    factors: str = ""
    init_purchase: bytes = b""
    credit_purchase: bytes = b""
    mac2_tries: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """One application of a chip; a chip is a list of profiles (contract §5)."""

    name: str
    kind: str
    version: str
    text_codec: Edition
    protocol: str
    confidence: str
    crypto: Crypto
    dirs: tuple[Dir, ...]
    keys: tuple[KeySpec, ...]
    files: tuple[AnyEf, ...]
    atr: AtrSpec | None = None
    card_id: CardIdSpec | None = None
    pin: PinSpec | None = None
    cos: CosSpec | None = None
    purse: PurseEf | None = None
    psam: PsamSpec | None = None
    factors: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def dir(self, name: str) -> Dir:
        """ProfileError when the profile declares no such directory."""
        return _only([item for item in self.dirs if item.name == name], f"directory {name}", self.name)

    def key(self, name: str) -> KeySpec:
        """ProfileError when the profile declares no such key."""
        return _only([item for item in self.keys if item.name == name], f"key {name}", self.name)

    def keys_of(self, dir_name: str) -> tuple[KeySpec, ...]:
        """Keys of a directory, in the order in which they are written: the master key first."""
        return tuple(item for item in self.keys if item.dir == dir_name)

    def file(self, dir_name: str, fid: str) -> AnyEf:
        """`fid` as four hex digits; ProfileError when not declared."""
        wanted = bytes.fromhex(fid)
        found = [item for item in self.files if item.dir == dir_name and item.fid == wanted]
        return _only(found, f"file {dir_name}/{fid}", self.name)

    def files_of(self, dir_name: str) -> tuple[AnyEf, ...]:
        """Files of a directory in declared order."""
        return tuple(item for item in self.files if item.dir == dir_name)


def _only(found: Sequence[T], what: str, profile: str) -> T:
    if len(found) != 1:
        raise ProfileError(f"{profile}: {what} is not declared")
    return found[0]


@cache
def load_profile(name: str) -> Profile:
    """The built-in profile `name`: ssc-2.00, tunion, psam-ssc or psam-transit. ProfileError when it is unsound."""
    source = files("card.profiles").joinpath(f"{name}.toml")
    if not source.is_file():
        raise ProfileError(f"no card profile {name!r}")
    return parse_profile(source.read_text("utf-8"))


def parse_profile(text: str) -> Profile:
    """A profile from TOML text, checked; ProfileError names the table and the key that is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise ProfileError(f"not TOML: {bad}") from bad
    profile = _assemble(data)
    check_profile(profile)
    return profile


def _assemble(data: dict[str, Any]) -> Profile:
    head = dict(data.pop("profile", {}))
    try:
        edition = Edition(head.pop("text_codec"))
    except (KeyError, ValueError):
        raise ProfileError(f"[profile] text_codec must be one of {[item.value for item in Edition]}") from None
    tables: dict[str, Any] = {
        "dirs": tuple(_build(Dir, row, "[[dir]]") for row in data.pop("dir", [])),
        "keys": tuple(_build(KeySpec, row, "[[key]]") for row in data.pop("key", [])),
        "files": tuple(_build_file(row) for row in data.pop("file", [])),
        "factors": data.pop("factors", {}),
        "names": data.pop("names", {}),
    }
    kinds: dict[str, type] = {
        "crypto": Crypto,
        "atr": AtrSpec,
        "card_id": CardIdSpec,
        "pin": PinSpec,
        "cos": CosSpec,
        "purse": PurseEf,
        "psam": PsamSpec,
    }
    for name in [name for name in kinds if name in data]:
        tables[name] = _build(kinds[name], data.pop(name), f"[{name}]")
    if data:
        raise ProfileError(f"unknown table {sorted(data)[0]!r}")
    if "crypto" not in tables:
        raise ProfileError("[crypto] is missing")
    wanted = {"name", "kind", "version", "protocol", "confidence"}
    if set(head) != wanted:
        raise ProfileError(f"[profile] needs exactly {sorted(wanted)} and text_codec")
    return Profile(text_codec=edition, **head, **tables)


def _build(kind: type[T], row: object, where: str) -> T:
    """A frozen record from a TOML table: unknown or missing keys refused, hex strings to bytes, lists to tuples."""
    if not isinstance(row, dict):
        raise ProfileError(f"{where} must be a table")
    hints = get_type_hints(kind)
    unknown = sorted(set(row) - set(hints))
    if unknown:
        raise ProfileError(f"{where} has an unknown key {unknown[0]!r}")
    needed = {
        item.name
        for item in dataclasses.fields(kind)  # type: ignore[arg-type]
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    }
    missing = sorted(needed - set(row))
    if missing:
        raise ProfileError(f"{where} lacks {missing[0]!r}")
    try:
        return kind(**{name: _convert(value, hints[name]) for name, value in row.items()})
    except (TypeError, ValueError) as bad:
        raise ProfileError(f"{where} {row.get('name', '')}: {bad}") from bad


def _convert(value: object, kind: object) -> object:
    if isinstance(value, str) and kind is bytes:
        return bytes.fromhex(value)
    if isinstance(value, str) and kind is Access:
        return Access.parse(value)
    if isinstance(value, list):
        return tuple(value)
    if kind in (int, bool, str) and type(value) is not kind:
        raise ValueError(f"{value!r} is not of type {getattr(kind, '__name__', kind)}")
    if isinstance(value, dict) and set(value) == {"value", "hex"}:
        return Example(value["value"], value["hex"])
    return value


def _build_file(row: dict[str, Any]) -> AnyEf:
    row = dict(row)
    kind = row.pop("kind", "")
    where = f"[[file]] {row.get('dir', '')}/{row.get('fid', '')}"
    if kind == "record":
        row["records"] = [_build(RecordField, item, where) for item in row.pop("record", [])]
        return _build(RecordEf, row, where)
    if kind not in ("transparent", "cyclic"):
        raise ProfileError(f"{where} kind {kind!r} is not known")
    row["fields"] = [_build(Field, item, where) for item in row.pop("field", [])]
    return _build(CyclicEf, row, where) if kind == "cyclic" else _build(TransparentEf, row, where)


def check_profile(profile: Profile) -> None:
    """Every statement against every other one; ProfileError names the first contradiction."""
    _check_unique([item.name for item in profile.dirs], "directory", profile)
    _check_unique([item.name for item in profile.keys], "key", profile)
    _check_unique([item.path for item in profile.files], "file", profile)
    for directory in profile.dirs:
        if directory.parent:
            profile.dir(directory.parent)
        if directory.fci_file:
            profile.file(directory.name, directory.fci_file)
    for key in profile.keys:
        profile.dir(key.dir)
        if key.confidence not in CONFIDENCES:
            raise ProfileError(f"{profile.name}: key {key.name} has no confidence")
    for part in (profile.pin, profile.purse, profile.psam):
        if part is not None:
            profile.dir(part.dir)
    if profile.purse and (
        profile.purse.prove_sequence not in PROVE_SEQUENCES or profile.purse.prove_order not in PROVE_ORDERS
    ):
        raise ProfileError(f"{profile.name}: [purse] prove_sequence or prove_order is not known")
    for ef in profile.files:
        _check_file(profile, ef)


def _check_unique(names: list[str], what: str, profile: Profile) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProfileError(f"{profile.name}: {what} {twice[0]} is declared twice")


def _check_file(profile: Profile, ef: AnyEf) -> None:
    where = f"{profile.name}: {ef.path}"
    profile.dir(ef.dir)
    if len(ef.fid) != 2 or ef.sfi != ef.fid[1] & 0x1F:
        raise ProfileError(f"{where}: sfi is not the low five bits of fid")
    for name in ef.read.keys() | ef.write.keys():
        profile.key(name)
    fields: tuple[Field, ...] = ef.records if isinstance(ef, RecordEf) else ef.fields
    _check_unique([item.name for item in fields], f"{ef.path} field", profile)
    if isinstance(ef, RecordEf):
        if [item.no for item in ef.records] != list(range(1, len(ef.records) + 1)):
            raise ProfileError(f"{where}: record numbers do not count from one")
        _check_unique([f"tag {item.tag:02X}" for item in ef.records], ef.path, profile)
        if any(not 0 < item.tag < 255 or not 0 < item.length < 255 for item in ef.records):
            raise ProfileError(f"{where}: tag and length are one byte each")
    elif sum(item.length for item in fields) != ef.size:
        raise ProfileError(f"{where}: fields do not add up to {ef.size} bytes")
    for item in fields:
        _check_field(where, item, profile.text_codec)


def _check_field(where: str, item: Field, edition: Edition) -> None:
    where = f"{where} {item.name}"
    if item.format not in FORMATS or item.confidence not in CONFIDENCES:
        raise ProfileError(f"{where}: unknown format or confidence")
    if item.example is None:
        raise ProfileError(f"{where}: has no example")
    try:
        value = codecs.parse(item, item.example.value)
        if isinstance(item, RecordField):
            raw = codecs.encode_record(item, value, edition)
        else:
            raw = codecs.encode(item, value, edition)
    except (FieldError, CardDataError, ValueError) as bad:
        raise ProfileError(f"{where}: example cannot be encoded ({bad})") from bad
    if raw != bytes.fromhex(item.example.hex):
        raise ProfileError(f"{where}: example does not encode to its hex")
