"""Plans for tests: the example under other schemes, reviewed as it should be."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from keys.ceremony.plan import Plan, checked_plan, read_document, reviewed_digest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "ceremony.toml"


def example() -> dict[str, Any]:
    """A fresh copy of the example's tables."""
    return read_document(EXAMPLE)


def reviewed(document: dict[str, Any]) -> dict[str, Any]:
    """With the line `review` that fits."""
    head = document["ceremony"]
    head.pop("review", None)
    head["review"] = reviewed_digest(document).hex()
    return document


def policy(kind: str, parts: int, need: int, number: str = "T-1") -> Plan:
    """A plan with `parts` holders, card and paper alike."""
    document = deepcopy(example())
    document["ceremony"]["id"] = number
    document["scheme"] = {"kind": kind, "parts": parts, "need": need}
    document["holder"] = document["holder"][:parts]
    return checked_plan(reviewed(document))
