"""Replay the rule of an event from what the event itself says, and compare: a dispute a year later reads the same.

Inputs are the terminal's own (`body.inputs`); what the server knows better is laid beside them: whether a medium
stood on the list version the event names, the tariff or price table of that version, and the registered birth date.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from card.domain.credential import Assurance
from card.domain.decision import Decision, DenyReason, decision_to_json
from card.domain.event import TapEvent
from card.domain.money import Fen
from card.rules import bus, hotel, scenic
from card.rules.entitlements import Entitlement
from card.rules.fares import BusTariff
from card.rules.scenic import ScenicPrices

# Decided by what happened at the device after the rule: no rule can repeat them.
AFTER_THE_RULE = frozenset(
    reason.value for reason in (DenyReason.CARD_MOVED, DenyReason.DEVICE_FAILED, DenyReason.NOT_GENUINE)
)
RULE, HOTLIST, AMOUNT, BODY = "E-EVENT-RULE", "E-EVENT-HOTLIST", "E-EVENT-AMOUNT", "E-EVENT-BODY"


@dataclass(frozen=True)
class Knowledge:
    """What the server held when the event was made. `listed`: (medium, id hex, list version) -> on it.

    `entries`: (kind, version) -> entries; `births`: purse number -> "YYYYMMDD".
    """

    listed: Callable[[int, str, int], bool]
    entries: Callable[[str, int], list[dict[str, Any]] | None]
    births: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` "" when the rule gives what the event says; `difference` when the registry would decide otherwise."""

    code: str = ""
    difference: str = ""


def replay(event: TapEvent, knowledge: Knowledge) -> Finding:
    """Judge one event. A body that cannot be read is a finding with E-EVENT-BODY."""
    scene = SCENES.get(event.type)
    if scene is None or "inputs" not in event.body or event.decision.get("reason") in AFTER_THE_RULE:
        return Finding()
    try:
        return scene(event, event.body, _inputs(event), knowledge)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Finding(BODY)


def _bus(event: TapEvent, body: Mapping[str, Any], inputs: Mapping[str, Any], knowledge: Knowledge) -> Finding:
    asn = str(body["asn"])
    if asn and knowledge.listed(2, asn, event.facts.get("hotlist", 0)) and not inputs["hotlisted"]:
        return Finding(HOTLIST)
    tariff = _tariff(event, body, knowledge)
    facts = bus.BusFacts(tariff, inputs["hotlist_age_s"], inputs["hotlist_max_age_s"], inputs["clock_sure"])
    day = _day(inputs["day"])
    said = _rider(inputs, _birth(inputs["birth_date"]))
    decision = bus.decide(said, facts, day)
    if decision_to_json(decision) != event.decision:
        return Finding(RULE)
    if body["outcome"] == "posted" and not _amounts_agree(body, event.decision):
        return Finding(AMOUNT)
    registered = _birth(knowledge.births.get(asn, ""))
    if registered is None or tariff is None:
        return Finding()
    proper = bus.decide(_rider(inputs, registered), facts, day)
    return Finding(
        difference="" if proper == decision else f"fare {_fare(decision)} charged, {_fare(proper)} by the registry"
    )


def _rider(inputs: Mapping[str, Any], birth: date | None) -> bus.BusRider:
    since = inputs["seconds_since_last_tap"]
    return bus.BusRider(
        Fen(inputs["balance"]),
        birth,
        bool(inputs["hotlisted"]),
        _day(inputs["valid_from"]),
        _day(inputs["valid_to"]),
        bool(inputs["blocked"]),
        None if since < 0 else since,
    )


def _tariff(event: TapEvent, body: Mapping[str, Any], knowledge: Knowledge) -> BusTariff | None:
    for entry in knowledge.entries("tariff", event.facts.get("tariff", 0)) or []:
        if (entry.get("operator"), entry.get("line")) == (body["operator"], body["line"]):
            return BusTariff.from_entry(entry)
    return None


def _amounts_agree(body: Mapping[str, Any], decision: Mapping[str, Any]) -> bool:
    charged: int = body["amount"]
    return charged == decision.get("fare") and int(body["balance_before"]) - charged == body["balance_after"]


def _fare(decision: Decision) -> str:
    return str(decision_to_json(decision).get("fare", "no"))


def _hotel(event: TapEvent, body: Mapping[str, Any], inputs: Mapping[str, Any], knowledge: Knowledge) -> Finding:
    card_id = str(body["card_id"])
    if card_id and knowledge.listed(1, card_id, event.facts.get("hotlist", 0)) and not inputs["hotlisted"]:
        return Finding(HOTLIST)
    facts = hotel.HotelFacts(inputs["hotlist_age_s"], inputs["hotlist_max_age_s"], inputs["item_in_force"])
    guest = hotel.HotelGuest(
        Assurance(event.credential["assurance"]),
        bool(inputs["genuine"]),
        bool(inputs["hotlisted"]),
        _day(inputs["valid_to"]),
        _birth(inputs["birth_date"]),
        bool(inputs["accompanied"]),
    )
    same = decision_to_json(hotel.decide(guest, facts, _day(inputs["day"]))) == event.decision
    return Finding() if same else Finding(RULE)


def _scenic(event: TapEvent, body: Mapping[str, Any], inputs: Mapping[str, Any], knowledge: Knowledge) -> Finding:
    serial = str(body["ecard_serial"])
    if serial and knowledge.listed(3, serial, event.facts.get("hotlist", 0)) and not inputs["hotlisted"]:
        return Finding(HOTLIST)
    limit = inputs["code_limit"]
    visitor = scenic.ScenicVisitor(
        Entitlement(inputs["rights"]),
        _day(inputs["rights_valid_to"]),
        bool(inputs["hotlisted"]),
        bool(inputs["replay"]),
        None if limit < 0 else Fen(limit),
    )
    facts = scenic.ScenicFacts(
        _prices(event, body, knowledge),
        inputs["hotlist_age_s"],
        inputs["hotlist_max_age_s"],
        inputs["trust_age_s"],
        inputs["trust_max_age_s"],
        inputs["clock_sure"],
        inputs["inside"],
        inputs["capacity"],
    )
    same = decision_to_json(scenic.decide(visitor, facts, _day(inputs["day"]))) == event.decision
    return Finding() if same else Finding(RULE)


def _prices(event: TapEvent, body: Mapping[str, Any], knowledge: Knowledge) -> ScenicPrices | None:
    for entry in knowledge.entries("policy", event.facts.get("policy", 0)) or []:
        if entry.get("kind") == "scenic" and entry.get("site") == body["site"]:
            return ScenicPrices(
                entry["site"],
                Fen(entry["full_price"]),
                entry["senior_half_percent"],
                entry["minor_half_percent"],
                entry["student_percent"],
                entry["free_percent"],
            )
    return None


def _inputs(event: TapEvent) -> Mapping[str, Any]:
    inputs = event.body["inputs"]
    if not isinstance(inputs, Mapping):
        raise TypeError("inputs")
    return inputs


def _birth(text: str) -> date | None:
    return _day(text) if text else None


def _day(text: str) -> date:
    if len(text) != 8:
        raise ValueError("a day is YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


Scene = Callable[[TapEvent, Mapping[str, Any], Mapping[str, Any], Knowledge], Finding]
SCENES: Mapping[str, Scene] = {"bus": _bus, "hotel": _hotel, "scenic": _scenic}
