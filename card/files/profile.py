"""Card profiles: read from TOML, checked whole, frozen. A fact that is not in a profile is not known to the code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from card.errors import ProfileError
from card.files.build import Builder
from card.files.kinds import KINDS, PROTOCOLS, AnyEf, Dir, KeySpec, PurseEf
from card.files.rules import Draft, check
from card.files.specs import (
    AtrSpec,
    BankSpec,
    CardIdSpec,
    CertificateSpec,
    ContactlessSpec,
    CosSpec,
    Crypto,
    PinSpec,
    PsamSpec,
)
from card.files.tables import Findings, Problem, Table, merged, read_table
from card.text_codec import Edition

__all__ = [
    "AtrSpec",
    "BankSpec",
    "CardIdSpec",
    "CertificateSpec",
    "ContactlessSpec",
    "CosSpec",
    "Crypto",
    "PinSpec",
    "Problem",
    "Profile",
    "PsamSpec",
    "load_profile",
]

T = TypeVar("T")
MAX_EXTENDS = 8
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_SPECS: dict[str, type] = {
    "crypto": Crypto,
    "atr": AtrSpec,
    "card_id": CardIdSpec,
    "pin": PinSpec,
    "cos": CosSpec,
    "purse": PurseEf,
    "psam": PsamSpec,
    "contactless": ContactlessSpec,
    "certificate": CertificateSpec,
    "bank": BankSpec,
}
_HEAD = {"name", "kind", "version", "confidence", "text_codec"}
_HEAD_MORE = {"protocol", "protocols", "read_only", "verified", "extends", "zh", "en"}


@dataclass(frozen=True, slots=True)
class Profile:
    """One application of a chip; a chip is a list of profiles (contract §5).

    `protocols`: the first is the default. `read_only`: hosts refuse to write. `verified` false: its cryptography is
    declared and confirmed by nobody; loud, and refused in production.
    """

    name: str
    kind: str
    version: str
    text_codec: Edition
    protocols: tuple[str, ...]
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
    contactless: ContactlessSpec | None = None
    certificate: CertificateSpec | None = None
    bank: BankSpec | None = None
    read_only: bool = False
    verified: bool = True
    extends: str = ""
    zh: str = ""
    en: str = ""
    factors: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def protocol(self) -> str:
        """The protocol a card of this profile starts with."""
        return self.protocols[0]

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


# ---- finding texts ------------------------------------------------------------------------------------------------


def builtin_names() -> tuple[str, ...]:
    """Names of the profiles of this project, overlays not among them."""
    found = (item.name for item in files("card.profiles").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def profile_text(name: str) -> str:
    """The TOML text of a built-in profile. ProfileError."""
    text = _builtin(name)
    if text is None:
        raise ProfileError(f"no card profile {name!r}")
    return text


def overlay_names() -> tuple[tuple[str, str], ...]:
    """(profile it extends, name) of every overlay of this project."""
    found = []
    for item in files("card.profiles").joinpath("overlays").iterdir():
        if item.name.endswith(".toml"):
            head = read_table(item.read_text("utf-8"), item.name, Findings(), False).get("profile", {})
            found.append((str(head.get("extends", "")), item.name.removesuffix(".toml")))
    return tuple(sorted(found))


def overlay_texts(name: str) -> dict[str, str]:
    """The overlay texts a profile name asks for: `ssc-2.00+hainan` (ours) or `ssc-2.00+/path/hainan.toml`.

    Keys are short names, so that a chip can carry the texts and stand alone. ProfileError when one is missing.
    """
    found: dict[str, str] = {}
    for part in name.split("+")[1:]:
        short, text = _overlay(part)
        found[short] = text
    return found


def short_name(name: str) -> str:
    """`ssc-2.00+/path/hainan.toml` -> `ssc-2.00+hainan`."""
    base, *overlays = name.split("+")
    return "+".join([base, *(_short(part) for part in overlays)])


def _short(part: str) -> str:
    short = Path(part).name.removesuffix(".toml")
    if not NAME.fullmatch(short):
        raise ProfileError(f"{short!r} is no name of an overlay")
    return short


def _overlay(part: str) -> tuple[str, str]:
    if part.endswith(".toml"):
        try:
            return _short(part), Path(part).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as bad:
            raise ProfileError(f"{part}: {bad}") from bad
    source = files("card.profiles").joinpath("overlays").joinpath(f"{_short(part)}.toml")
    if not source.is_file():
        raise ProfileError(f"no overlay {part!r}")
    return part, source.read_text("utf-8")


def _builtin(name: str) -> str | None:
    if not NAME.fullmatch(name):
        return None
    source = files("card.profiles").joinpath(f"{name}.toml")
    return source.read_text("utf-8") if source.is_file() else None


# ---- loading ------------------------------------------------------------------------------------------------------


@cache
def load_profile(name: str) -> Profile:
    """A profile by name, perhaps with overlays: `ssc-2.00`, `ssc-2.00+hainan`, `ssc-2.00+/path/hainan.toml`.

    ProfileError when there is none of that name or when it is unsound.
    """
    return assemble_profile(short_name(name), overlay_texts(name))


def assemble_profile(name: str, overlays: Mapping[str, str]) -> Profile:
    """`base+overlay` with the overlays' texts at hand, as a chip carries them."""
    base, *parts = name.split("+")
    text = profile_text(base)
    findings = Findings()
    table = _extended(text, base, findings, False, ())
    for part in parts:
        table = merged(table, read_table(overlays[part], part, findings, False), findings)
    return _sound(table, name, findings)


def load_profile_file(path: Path) -> Profile:
    """A profile of one's own, with what it extends. ProfileError names the first mistake and its line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        raise ProfileError(f"{path}: {bad}") from bad
    return parse_profile(text, str(path))


def parse_profile(text: str, source: str = "profile") -> Profile:
    """A profile from TOML text, checked; ProfileError names the first mistake and its line."""
    profile, problems = examine(text, source)
    if profile is None:
        raise ProfileError(str(problems[0]))
    return profile


def examine(text: str, source: str) -> tuple[Profile | None, tuple[Problem, ...]]:
    """The profile, or None and every mistake in it, ordered by line. Any text at all may be given."""
    findings, profile = Findings(), None
    try:
        profile = _assemble(_extended(text, source, findings, True, ()), findings)
    except RecursionError:
        findings.problems.append(Problem(source, 0, "TOML", "嵌套过深", "not TOML: nested too deeply"))
    mended = {(item.source, item.line) for item in findings.problems if item.where == "TOML"}
    found = {item for item in findings.problems if item.where == "TOML" or (item.source, item.line) not in mended}
    return (None if found else profile), tuple(sorted(found))


def _extended(text: str, source: str, findings: Findings, located: bool, chain: tuple[str, ...]) -> Table:
    """The table of a text on top of the tables it extends."""
    table = read_table(text, source, findings, located)
    head = table.get("profile")
    if isinstance(head, Table) and isinstance(table.get("extends"), str):
        findings.note(table, "extends", "extends", "extends 应写在 [profile] 之内", "extends belongs under [profile]")
        head.setdefault("extends", table.pop("extends"))
    base = head.get("extends", "") if isinstance(head, Table) else ""
    if not base or not isinstance(head, Table):
        return table
    below = _builtin(base) if isinstance(base, str) else None
    if not isinstance(base, str) or base in chain or len(chain) > MAX_EXTENDS or base == head.get("name"):
        findings.note(head, "extends", "[profile] extends", "extends 绕成一圈", "extends goes round in a circle")
        return table
    if below is None:
        findings.note(head, "extends", "[profile] extends", f"没有 {base} 这个模板", f"there is no profile {base!r}")
        return table
    return merged(_extended(below, base, findings, located, (*chain, base)), table, findings)


def _assemble(table: Table, findings: Findings) -> Profile | None:
    """The profile of a table; None when something it cannot be without is missing. Mistakes go to `findings`."""
    builder = Builder(findings)
    head = table.get("profile")
    if not isinstance(head, Table):
        findings.note(table, "profile", "[profile]", "缺少 [profile]", "[profile] is missing")
        head = Table((), table.source, table.line)
    known = {"profile", "dir", "key", "file", "factors", "names", "remove", *_SPECS}
    for name in sorted(set(table) - known):
        findings.note(table, name, f"[{name}]", f"不认识表 {name}", f"unknown table {name!r}")
    edition = _edition(head, findings)
    draft = Draft(builder, str(head.get("name", "profile")), edition)
    draft.declared = {
        "dir": {str(row.get("name")) for row in _tables(table, "dir")},
        "key": {str(row.get("name")) for row in _tables(table, "key")},
        "file": {f"{row.get('dir')}/{str(row.get('fid', '')).upper()}" for row in _tables(table, "file")},
    }
    draft.dirs = builder.many(Dir, table.get("dir", []), "[[dir]]", table)
    draft.keys = builder.many(KeySpec, table.get("key", []), "[[key]]", table)
    rows = builder.rows(table.get("file", []), "[[file]]", table)
    draft.files = [ef for row in rows if (ef := builder.file(row)) is not None]
    for name, kind in _SPECS.items():
        if name in table and (spec := builder.one(kind, table[name], f"[{name}]", table)) is not None:
            draft.specs[name] = spec
    if "crypto" not in table:
        findings.note(table, "crypto", "[crypto]", "缺少 [crypto]", "[crypto] is missing")
    parts = _heads(head, findings)
    parts |= {name: _mapping(table, name, findings) for name in ("factors", "names")}
    check(draft, parts["names"])
    if findings.problems or "crypto" not in draft.specs:
        return None
    return Profile(
        text_codec=edition,
        dirs=tuple(draft.dirs),
        keys=tuple(draft.keys),
        files=tuple(draft.files),
        **parts,
        **draft.specs,
    )


def _sound(table: Table, name: str, findings: Findings) -> Profile:
    head = table.get("profile")
    if isinstance(head, Table) and "+" in name:
        head["name"] = name
    profile = _assemble(table, findings)
    if profile is None:
        raise ProfileError(str(min(findings.problems)))
    return profile


def _edition(head: Table, findings: Findings) -> Edition:
    known = [item.value for item in Edition]
    if head.get("text_codec") not in known:
        text = " / ".join(known)
        findings.note(
            head,
            "text_codec",
            "[profile] text_codec",
            f"text_codec 应为 {text}",
            f"[profile] text_codec must be one of {known}",
        )
        return Edition.GBK
    return Edition(head["text_codec"])


def _heads(head: Table, findings: Findings) -> dict[str, Any]:
    """The plain values of [profile]."""
    values: dict[str, Any] = {}
    for name in sorted(set(head) - _HEAD - _HEAD_MORE):
        findings.note(head, name, "[profile]", f"不认识 {name}", f"[profile] has an unknown key {name!r}")
    for name in sorted(_HEAD - set(head)):
        findings.note(head, "", "[profile]", f"缺少 {name}", f"[profile] lacks {name!r}")
    for name in ("name", "kind", "version", "confidence", "extends", "zh", "en"):
        value = head.get(name, "")
        if not isinstance(value, str):
            findings.note(head, name, f"[profile] {name}", f"{name} 应为文字", f"{name} is not of type str")
        values[name] = value
    for name, otherwise in (("read_only", False), ("verified", True)):
        value = head.get(name, otherwise)
        if not isinstance(value, bool):
            findings.note(head, name, f"[profile] {name}", f"{name} 应为 true 或 false", f"{name} is not of type bool")
        values[name] = value
    if "kind" in head and values["kind"] not in KINDS:
        text = " / ".join(KINDS)
        findings.note(head, "kind", "[profile] kind", f"kind 应为 {text}", f"kind is one of {text}")
    if "confidence" in head and values["confidence"] not in ("A", "B", "C"):
        findings.note(head, "confidence", "[profile]", "可信度应为 A、B、C", "confidence is A, B or C")
    given = head.get("protocols", [head.get("protocol", "T=0")])
    sound = isinstance(given, list) and given and all(item in PROTOCOLS for item in given)
    if not sound:
        text = " / ".join(PROTOCOLS)
        findings.note(head, "protocols", "[profile]", f"protocols 应从 {text} 中选", f"protocols are of {text}")
    values["protocols"] = tuple(given) if sound else ("T=0",)
    return values


def _mapping(table: Table, name: str, findings: Findings) -> Mapping[str, Any]:
    value = table.get(name, {})
    if isinstance(value, Mapping):
        return value
    findings.note(table, name, f"[{name}]", "应为一个表", f"[{name}] must be a table")
    return {}


def _tables(table: Table, name: str) -> list[Table]:
    rows = table.get(name)
    return [row for row in rows if isinstance(row, Table)] if isinstance(rows, list) else []
