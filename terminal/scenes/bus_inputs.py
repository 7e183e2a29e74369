"""Inputs of the bus rule: written into the event exactly as the rule saw them, so that the server can ask it again."""

from datetime import date

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision
from card.domain.money import Fen
from card.rules import bus as rule
from terminal.config import BusConfig
from terminal.post import DAY, Post, parse_day, whole
from terminal.scenes.bus_card import BusPresented

MS = 1000
NEVER = -1


def rule_inputs(
    post: Post, presented: BusPresented, verified: VerifiedCredential, last_tap_ms: int | None
) -> dict[str, object]:
    """The `inputs` member of a bus event; money in fen, ages in seconds, days YYYYMMDD."""
    return {
        "birth_date": verified.claims["birth_date"],
        "balance": int(presented.balance),
        "hotlisted": post.hotlisted(verified),
        "valid_from": verified.claims["valid_from"],
        "valid_to": verified.claims["valid_to"],
        "blocked": presented.public is None,
        "seconds_since_last_tap": NEVER if last_tap_ms is None else (presented.at_ms - last_tap_ms) // MS,
        **post.hotlist_ages(),
        "clock_sure": post.guard.sure(),
        "day": post.today().strftime(DAY),
    }


def ask_rule(post: Post, config: BusConfig, inputs: dict[str, object]) -> Decision:
    """`card.rules.bus.decide` on these inputs and the tariff held now."""
    since = whole(inputs["seconds_since_last_tap"])
    rider = rule.BusRider(
        balance=Fen(whole(inputs["balance"])),
        birth=parse_day(str(inputs["birth_date"])),
        hotlisted=bool(inputs["hotlisted"]),
        valid_from=_day(inputs["valid_from"]),
        valid_to=_day(inputs["valid_to"]),
        blocked=bool(inputs["blocked"]),
        seconds_since_last_tap=None if since == NEVER else since,
    )
    facts = rule.BusFacts(
        tariff=post.facts.tariff(post.place.operator, config.line),
        hotlist_age_s=whole(inputs["hotlist_age_s"]),
        hotlist_max_age_s=whole(inputs["hotlist_max_age_s"]),
        clock_sure=bool(inputs["clock_sure"]),
    )
    return rule.decide(rider, facts, _day(inputs["day"]))


def _day(digits: object) -> date:
    day = parse_day(str(digits))
    if day is None:
        raise ValueError("the verifier lets no other date through")
    return day
