"""May this purse ride, and for how much? Pure and total."""

from dataclasses import dataclass
from datetime import date

from card.domain.decision import Decision, Deny, DenyReason, Grant, first_reason
from card.domain.money import Fen
from card.rules.fares import BusTariff


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What the validator knows when it decides; ages of lists in seconds, -1 = no list at all."""

    tariff: BusTariff | None
    hotlist_age_s: int
    hotlist_max_age_s: int
    clock_sure: bool


@dataclass(frozen=True, slots=True)
class BusRider:
    """What was read from the card in front of us."""

    balance: Fen
    birth: date | None
    hotlisted: bool
    valid_from: date
    valid_to: date
    blocked: bool
    seconds_since_last_tap: int | None


PASSBACK_SECONDS = 2


def decide(rider: BusRider, facts: BusFacts, day: date) -> Decision:
    """Grant with the fare, or Deny with the first applying reason.

    An unsure clock does not stop a card (qr-and-acceptance §4.4).
    """
    fare, price_class = facts.tariff.fare(rider.birth, day) if facts.tariff else (Fen(0), "none")
    reasons = [
        reason
        for reason, applies in (
            (DenyReason.FACTS_MISSING, facts.tariff is None or facts.hotlist_age_s < 0),
            (DenyReason.FACTS_TOO_OLD, facts.hotlist_age_s > facts.hotlist_max_age_s),
            (DenyReason.HOTLISTED, rider.hotlisted),
            (DenyReason.NOT_STARTED, facts.clock_sure and day < rider.valid_from),
            (DenyReason.EXPIRED, facts.clock_sure and day > rider.valid_to),
            (DenyReason.APPLICATION_BLOCKED, rider.blocked),
            (DenyReason.PASSBACK, _too_soon(rider)),
            (DenyReason.BALANCE_TOO_LOW, rider.balance < fare),
        )
        if applies
    ]
    reason = first_reason(reasons)
    if reason is not None:
        return Deny(reason)
    notes = () if facts.clock_sure else ("clock-unsure",)
    return Grant(fare, price_class, notes)


def _too_soon(rider: BusRider) -> bool:
    return rider.seconds_since_last_tap is not None and 0 <= rider.seconds_since_last_tap < PASSBACK_SECONDS
