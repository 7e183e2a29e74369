"""The declared key tree: which masters and signing keys exist, read from tree.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

# Never out of its store; out only inside a PSAM; out to enrolled devices.
Leaves = Literal["never", "psam", "enrolment"]
SM2: Final = "sm2"


@dataclass(frozen=True, slots=True)
class Family:
    """Keys that share a way of diversifying. `levels` names the factors, nearest to the root first."""

    name: str
    zh: str
    en: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One master or signing key. `leaves` says whether the master may go out, and how."""

    label: str
    family: str
    algorithm: str
    usage: str
    leaves: Leaves
    parent: str = ""

    @property
    def name(self) -> str:
        """The label without its family: the name profiles use."""
        return self.label.split("/", 1)[1]


@cache
def families() -> dict[str, Family]:
    """Every family by name."""
    declared = _document()["family"]
    mirrored = _mirrors()
    found: dict[str, Family] = {}
    for name, row in declared.items():
        levels = declared[mirrored[name]]["levels"] if name in mirrored else row["levels"]
        found[name] = Family(name, row["zh"], row["en"], tuple(levels))
    return found


@cache
def entries() -> dict[str, KeyEntry]:
    """Every key by label, in the declared order; then the keys of families that mirror another one."""
    found = {row["label"]: KeyEntry(**row) for row in _document()["key"]}
    declared = list(found.values())
    for family, model in _mirrors().items():
        algorithm = _document()["family"][family]["algorithm"]
        for entry in declared:
            if entry.family == model:
                label = f"{family}/{entry.name}"
                found[label] = replace(entry, label=label, family=family, algorithm=algorithm)
    return found


def _mirrors() -> dict[str, str]:
    """Family -> the family whose keys it repeats under another algorithm: no key ever serves two algorithms."""
    return {name: row["mirrors"] for name, row in _document()["family"].items() if "mirrors" in row}


def family_entries(family: str) -> tuple[KeyEntry, ...]:
    """The keys of one family, in the declared order."""
    return tuple(entry for entry in entries().values() if entry.family == family)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("keys").joinpath("tree.toml").read_text("utf-8"))
