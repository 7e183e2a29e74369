"""May this holder enter the scenic area, and at what price? Pure and total."""

from dataclasses import dataclass
from datetime import date

from card.domain.decision import Decision, Deny, DenyReason, Grant, first_reason
from card.domain.money import Fen
from card.rules.entitlements import Entitlement


@dataclass(frozen=True, slots=True)
class ScenicPrices:
    """One site's table: full price in fen, percent by right (the best right wins)."""

    site: str
    full_price: Fen
    senior_half_percent: int = 50
    minor_half_percent: int = 50
    student_percent: int = 50
    free_percent: int = 0

    def price(self, rights: Entitlement) -> tuple[Fen, str]:
        """Price (fen, rounded half up) and the class of the best right."""
        free = Entitlement.SENIOR_FREE | Entitlement.CHILD_FREE | Entitlement.DISABLED | Entitlement.SOLDIER
        offers = [(100, "full")]
        offers += [(self.free_percent, "free")] if rights & free else []
        offers += [(self.senior_half_percent, "senior-half")] if rights & Entitlement.SENIOR_HALF else []
        offers += [(self.minor_half_percent, "minor-half")] if rights & Entitlement.MINOR_HALF else []
        offers += [(self.student_percent, "student")] if rights & Entitlement.STUDENT else []
        percent, name = min(offers)
        return self.full_price.percent(percent), name


@dataclass(frozen=True, slots=True)
class ScenicFacts:
    """`replay`: this code was seen before (here or, when the line is up, at another site)."""

    prices: ScenicPrices | None
    hotlist_age_s: int
    hotlist_max_age_s: int
    trust_age_s: int
    trust_max_age_s: int
    clock_sure: bool
    inside: int
    capacity: int


@dataclass(frozen=True, slots=True)
class ScenicVisitor:
    rights: Entitlement
    rights_valid_to: date
    hotlisted: bool
    replay: bool
    code_limit: Fen | None = None


def decide(visitor: ScenicVisitor, facts: ScenicFacts, day: date) -> Decision:
    """Grant with the price (paid at the desk of the site), or Deny.

    Codes need a sure clock (qr-and-acceptance §4.4).
    """
    rights = visitor.rights if day <= visitor.rights_valid_to else Entitlement.NONE
    price, price_class = facts.prices.price(rights) if facts.prices else (Fen(0), "none")
    reasons = [
        reason
        for reason, applies in (
            (DenyReason.FACTS_MISSING, facts.prices is None or facts.hotlist_age_s < 0 or facts.trust_age_s < 0),
            (
                DenyReason.FACTS_TOO_OLD,
                facts.hotlist_age_s > facts.hotlist_max_age_s or facts.trust_age_s > facts.trust_max_age_s,
            ),
            (DenyReason.CLOCK_UNSURE, not facts.clock_sure),
            (DenyReason.HOTLISTED, visitor.hotlisted),
            (DenyReason.REPLAYED, visitor.replay),
            (DenyReason.CAPACITY_FULL, facts.inside >= facts.capacity),
            (DenyReason.OVER_CODE_LIMIT, visitor.code_limit is not None and price > visitor.code_limit),
        )
        if applies
    ]
    reason = first_reason(reasons)
    return Deny(reason) if reason is not None else Grant(price, price_class)
