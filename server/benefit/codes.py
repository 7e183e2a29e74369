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


# Text codes of results and rules, as they stand in the catalogue.
RESULT_TEXTS: Mapping[str, str] = {
    "P000": "R-P000",
    "P101": "R-P101",
    "P102": "R-P102",
    "P103": "R-P103",
    "P104": "R-P104",
    "P105": "R-P105",
    "P106": "R-P106",
    "P107": "R-P107",
    "P108": "R-P108",
    "P109": "R-P109",
    "P110": "R-P110",
    "P111": "R-P111",
    "P112": "R-P112",
    "P113": "R-P113",
    "P114": "R-P114",
    "P115": "R-P115",
    "P116": "R-P116",
    "P117": "R-P117",
    "P118": "R-P118",
    "P199": "R-P199",
}
RULE_TEXTS: Mapping[str, str] = {
    "PV02": "R-PV02",
    "PV03": "R-PV03",
    "PV04": "R-PV04",
    "PV05": "R-PV05",
    "PV06": "R-PV06",
    "PV07": "R-PV07",
    "PV08": "R-PV08",
    "PV09": "R-PV09",
    "PV10": "R-PV10",
    "PV11": "R-PV11",
    "PV14": "R-PV14",
}
STATE_TEXTS: Mapping[str, str] = {
    "READY": "R-LINE-READY",
    "BLOCKED": "R-LINE-BLOCKED",
    "SENT": "R-LINE-SENT",
    "PAID": "R-LINE-PAID",
    "FAILED": "R-LINE-FAILED",
    "UNKNOWN": "R-LINE-UNKNOWN",
    "REVERSED": "R-LINE-REVERSED",
    "REPAID": "R-LINE-REPAID",
}
