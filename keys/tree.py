"""The declared key tree: which masters and signing keys exist, read from tree.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
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
    return {
        name: Family(name, row["zh"], row["en"], tuple(row["levels"])) for name, row in _document()["family"].items()
    }


@cache
def entries() -> dict[str, KeyEntry]:
    """Every key by label, in the declared order."""
    return {row["label"]: KeyEntry(**row) for row in _document()["key"]}


def family_entries(family: str) -> tuple[KeyEntry, ...]:
    """The keys of one family, in the declared order."""
    return tuple(entry for entry in entries().values() if entry.family == family)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("keys").joinpath("tree.toml").read_text("utf-8"))
