"""Result codes of banks mapped to ours (business-rules §5.5); the table is data in `dialects/result_codes.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

FAMILIES = ("iso", "nacha", "agg30", "psbc")
PAID = "P000"
UNKNOWN = "P116"
RETURNED = "P118"


class Retry(Enum):
    """What may follow a failure."""

    NONE = "none"
    NEVER = "never"
    QUERY = "query"
    FIX = "fix"
    NEW_ACCOUNT = "new_account"
    WAIT = "wait"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class ResultCode:
    """One internal code: what it means, what may follow, who is told."""

    code: str
    meaning: str
    retry: Retry
    owner: str


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    source = files("server.benefit.dialects").joinpath("result_codes.toml")
    return tomllib.loads(source.read_text("utf-8"))


@cache
def result_codes() -> Mapping[str, ResultCode]:
    """All internal codes by name."""
    return {
        code: ResultCode(code, str(row["meaning"]), Retry(row["retry"]), str(row["owner"]))
        for code, row in _table().items()
    }


@cache
def outside_codes(family: str) -> Mapping[str, str]:
    """Outside name -> internal code of one family; ValueError when two internal codes claim one outside name."""
    if family not in FAMILIES:
        raise ValueError(f"no code family {family}")
    found: dict[str, str] = {}
    for code, row in _table().items():
        names = row[family]
        assert isinstance(names, list)
        for name in names:
            if name in found:
                raise ValueError(f"{family} {name} means both {found[name]} and {code}")
            found[name] = code
    return found
