"""May the holder at the kiosk see the statement and load the purse? Pure and total."""

from dataclasses import dataclass
from datetime import date

from card.domain.credential import Assurance
from card.domain.decision import Decision, Deny, DenyReason, Grant, first_reason


@dataclass(frozen=True, slots=True)
class KioskVisitor:
    assurance: Assurance
    genuine: bool
    hotlisted: bool
    valid_to: date


def decide(visitor: KioskVisitor, hotlist_age_s: int, hotlist_max_age_s: int, day: date) -> Decision:
    """Grant opens the holder's page. It needs the chip proven and the PIN verified."""
    reasons = [
        reason
        for reason, applies in (
            (DenyReason.FACTS_MISSING, hotlist_age_s < 0),
            (DenyReason.FACTS_TOO_OLD, hotlist_age_s > hotlist_max_age_s),
            (DenyReason.NOT_GENUINE, not visitor.genuine),
            (DenyReason.ASSURANCE_TOO_LOW, visitor.assurance is not Assurance.CHIP_PIN),
            (DenyReason.HOTLISTED, visitor.hotlisted),
            (DenyReason.EXPIRED, day > visitor.valid_to),
        )
        if applies
    ]
    reason = first_reason(reasons)
    return Deny(reason) if reason is not None else Grant(price_class="kiosk")
