"""The answer is a value: a denial is ordinary business, recorded like a grant."""

from dataclasses import dataclass, field
from enum import Enum

from card.domain.money import ZERO, Fen


class DenyReason(Enum):
    """Why not. Declared in order of precedence: the first that applies is the answer. Value = text code."""

    FACTS_MISSING = "D-FACTS-MISSING"
    FACTS_TOO_OLD = "D-FACTS-TOO-OLD"
    CLOCK_UNSURE = "D-CLOCK-UNSURE"
    NOT_ACCEPTED_HERE = "D-NOT-ACCEPTED-HERE"
    NOT_GENUINE = "D-NOT-GENUINE"
    ASSURANCE_TOO_LOW = "D-ASSURANCE-TOO-LOW"
    HOTLISTED = "D-HOTLISTED"
    NOT_STARTED = "D-NOT-STARTED"
    EXPIRED = "D-EXPIRED"
    APPLICATION_BLOCKED = "D-APPLICATION-BLOCKED"
    REPLAYED = "D-REPLAYED"
    PASSBACK = "D-PASSBACK"
    NO_RESERVATION = "D-NO-RESERVATION"
    CAPACITY_FULL = "D-CAPACITY-FULL"
    OVER_CODE_LIMIT = "D-OVER-CODE-LIMIT"
    BALANCE_TOO_LOW = "D-BALANCE-TOO-LOW"
    CARD_MOVED = "D-CARD-MOVED"
    DEVICE_FAILED = "D-DEVICE-FAILED"


_PRECEDENCE = {reason: place for place, reason in enumerate(DenyReason)}


def first_reason(reasons: "list[DenyReason]") -> DenyReason | None:
    """The reason that stands first in the declared order, or None."""
    return min(reasons, key=_PRECEDENCE.__getitem__) if reasons else None


@dataclass(frozen=True, slots=True)
class Grant:
    """Go ahead. `fare` is what the purse is charged (fen), `price_class` names the tariff row that decided."""

    fare: Fen = ZERO
    price_class: str = "full"
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Deny:
    reason: DenyReason


@dataclass(frozen=True, slots=True)
class Refer:
    """A person must look: the terminal shows why and calls staff; nothing is charged or opened by itself."""

    reason: str


Decision = Grant | Deny | Refer


def decision_to_json(decision: Decision) -> dict[str, object]:
    """The `decision` member of an event."""
    if isinstance(decision, Grant):
        out: dict[str, object] = {"answer": "grant", "fare": int(decision.fare), "price_class": decision.price_class}
        if decision.notes:
            out["notes"] = list(decision.notes)
        return out
    if isinstance(decision, Deny):
        return {"answer": "deny", "reason": decision.reason.value}
    return {"answer": "refer", "reason": decision.reason}
