"""May this guest be registered with this card? Pure and total."""

from dataclasses import dataclass
from datetime import date

from card.domain.credential import Assurance
from card.domain.decision import Decision, Deny, DenyReason, Grant, Refer, first_reason
from card.rules.ages import age_on


@dataclass(frozen=True, slots=True)
class HotelFacts:
    """List ages in seconds, -1 = no list."""

    hotlist_age_s: int
    hotlist_max_age_s: int
    item_in_force: bool


@dataclass(frozen=True, slots=True)
class HotelGuest:
    assurance: Assurance
    genuine: bool
    hotlisted: bool
    valid_to: date
    birth: date | None
    accompanied: bool


ADULT = 18


def decide(guest: HotelGuest, facts: HotelFacts, day: date) -> Decision:
    """Grant registers the stay; Deny falls back to the identity card.

    Refer asks staff: a minor alone (qr-and-acceptance §5.1).
    """
    reasons = [
        reason
        for reason, applies in (
            (DenyReason.FACTS_MISSING, facts.hotlist_age_s < 0),
            (DenyReason.FACTS_TOO_OLD, facts.hotlist_age_s > facts.hotlist_max_age_s),
            (DenyReason.NOT_ACCEPTED_HERE, not facts.item_in_force),
            (DenyReason.NOT_GENUINE, not guest.genuine),
            (
                DenyReason.ASSURANCE_TOO_LOW,
                guest.assurance not in (Assurance.CHIP, Assurance.CHIP_PIN, Assurance.REPLAYED),
            ),
            (DenyReason.HOTLISTED, guest.hotlisted),
            (DenyReason.EXPIRED, day > guest.valid_to),
        )
        if applies
    ]
    reason = first_reason(reasons)
    if reason is not None:
        return Deny(reason)
    if guest.birth is not None and age_on(guest.birth, day) < ADULT and not guest.accompanied:
        return Refer("R-MINOR-ALONE")
    return Grant(price_class="stay")
