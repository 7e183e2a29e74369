"""Inputs of the scenic rule, written into the event exactly as the rule saw them."""

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision
from card.domain.money import Fen
from card.rules import scenic as rule
from card.rules.entitlements import Entitlement
from terminal.config import VenueConfig
from terminal.facts import scenic_prices
from terminal.post import DAY, Post, parse_day, whole

NO_LIMIT = -1


def rule_inputs(
    post: Post, config: VenueConfig, verified: VerifiedCredential, *, replay: bool, inside: int
) -> dict[str, object]:
    """The `inputs` member of a scenic event; ages in seconds, limit in fen."""
    facts, claims = post.facts, verified.claims
    _, capacity = scenic_prices(facts, post.place.site)
    return {
        "rights": int(claims["rights"]),
        "rights_valid_to": claims["rights_valid_to"],
        "hotlisted": post.hotlisted(verified),
        "replay": replay,
        **post.hotlist_ages(),
        "trust_age_s": facts.age_s("trust"),
        "trust_max_age_s": facts.max_age_s("trust"),
        "clock_sure": post.guard.sure(),
        "inside": inside,
        "capacity": capacity,
        "code_limit": int(claims["limit"]) if config.code_limit_applies else NO_LIMIT,
        "day": post.today().strftime(DAY),
    }


def ask_rule(post: Post, inputs: dict[str, object]) -> Decision:
    """`card.rules.scenic.decide` on these inputs and the prices held now."""
    prices, capacity = scenic_prices(post.facts, post.place.site)
    valid_to, day = parse_day(str(inputs["rights_valid_to"])), parse_day(str(inputs["day"]))
    if valid_to is None or day is None:
        raise ValueError("the verifier writes dates")
    limit = whole(inputs["code_limit"])
    visitor = rule.ScenicVisitor(
        rights=Entitlement(whole(inputs["rights"])),
        rights_valid_to=valid_to,
        hotlisted=bool(inputs["hotlisted"]),
        replay=bool(inputs["replay"]),
        code_limit=None if limit == NO_LIMIT else Fen(limit),
    )
    facts = rule.ScenicFacts(
        prices=prices,
        hotlist_age_s=whole(inputs["hotlist_age_s"]),
        hotlist_max_age_s=whole(inputs["hotlist_max_age_s"]),
        trust_age_s=whole(inputs["trust_age_s"]),
        trust_max_age_s=whole(inputs["trust_max_age_s"]),
        clock_sure=bool(inputs["clock_sure"]),
        inside=whole(inputs["inside"]),
        capacity=capacity,
    )
    return rule.decide(visitor, facts, day)
