"""The open points of LD/T 33 as data: `dialect.toml`, or a file that says the same keys otherwise."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from card.config import ConfigError, read_toml, section
from terminal.ldt33.table import BY_NAME

T = TypeVar("T")
PREFIXES = ("none", "region_reset")
AMOUNTS = ("two", "sum")
TABLES = ("versions", "hsm", "ssf33", "values", "debit", "confirmed")


@dataclass(frozen=True, slots=True)
class HsmForm:
    """Form of the steps' strings."""

    prefix: str = "none"
    confidence: str = "C"

    def __post_init__(self) -> None:
        if self.prefix not in PREFIXES:
            raise ValueError(f"prefix must be one of {', '.join(PREFIXES)}")


@dataclass(frozen=True, slots=True)
class Ssf33Cards:
    """Cards whose algorithm is not public, by the first digits of their identification code."""

    regions: tuple[str, ...] = ()
    confidence: str = "C"


@dataclass(frozen=True, slots=True)
class ValueForm:
    """Form of values that have parts."""

    inner_separator: str = "^"
    confidence: str = "C"

    def __post_init__(self) -> None:
        if len(self.inner_separator) != 1 or self.inner_separator in "|$":
            raise ValueError("inner_separator is one character other than | and $")


@dataclass(frozen=True, slots=True)
class DebitForm:
    """The medical debit; heads are four bytes in hex."""

    dir: str = "DF04"
    amounts: str = "two"
    initialise: str = "80500102"
    debit: str = "80540100"
    key_index: int = 1
    type: int = 6
    key_address: str = ""
    prove: str = "805A0006"
    prove_ahead: int = 1
    records: str = "EF08"
    confidence: str = "C"

    def __post_init__(self) -> None:
        if self.amounts not in AMOUNTS:
            raise ValueError(f"amounts must be one of {', '.join(AMOUNTS)}")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Declared functions that somebody has confirmed."""

    functions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.functions:
            if name not in BY_NAME:
                raise ValueError(f"no function {name}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """All of it. `versions`: text of EF05.03 -> card profile."""

    versions: dict[str, str] = field(default_factory=dict)
    hsm: HsmForm = HsmForm()
    ssf33: Ssf33Cards = Ssf33Cards()
    values: ValueForm = ValueForm()
    debit: DebitForm = DebitForm()
    confirmed: Confirmed = Confirmed()


@cache
def built_in() -> Dialect:
    """The dialect that comes with the program."""
    return _parse(tomllib.loads(files("terminal.ldt33").joinpath("dialect.toml").read_text("utf-8")))


def load_dialect(path: str) -> Dialect:
    """The built-in dialect, or the one in file `path`; ConfigError names what is wrong."""
    return _parse(read_toml(Path(path))) if path else built_in()


def _parse(data: dict[str, Any]) -> Dialect:
    unknown = sorted(set(data) - set(TABLES))
    if unknown:
        raise ConfigError(f"a dialect has no table [{unknown[0]}]; known: {', '.join(TABLES)}")
    versions = data.get("versions", {})
    if not all(isinstance(name, str) for name in versions.values()):
        raise ConfigError("[versions] names a card profile for each version")
    return Dialect(
        dict(versions),
        section(data, "hsm", HsmForm),
        section(data, "ssf33", Ssf33Cards),
        section(data, "values", ValueForm),
        section(data, "debit", DebitForm),
        section(data, "confirmed", Confirmed),
    )
