"""Tables of every `decide()`: each reason alone, each pair in its declared order, and every DenyReason somewhere."""

from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Any

import pytest

from card.domain.credential import Assurance
from card.domain.decision import Deny, DenyReason, Grant, Refer, decision_to_json, first_reason
from card.domain.money import Fen
from card.rules import bus, hotel, kiosk, scenic
from card.rules.entitlements import Entitlement
from card.rules.fares import HAIKOU_BUS

DAY = date(2026, 3, 2)
BIRTH = date(1990, 1, 1)


@dataclass(frozen=True)
class Case:
    """One thing gone wrong: changes to the subject and to the facts, and the reason it gives."""

    reason: DenyReason
    subject: dict[str, Any]
    facts: dict[str, Any]


# ---- bus ------------------------------------------------------------------------------------------------------------

RIDER = bus.BusRider(Fen(1_000), BIRTH, False, date(2026, 1, 1), date(2036, 1, 1), False, None)
BUS_FACTS = bus.BusFacts(HAIKOU_BUS, 60, 3_600, True)
BUS_CASES = [
    Case(DenyReason.FACTS_MISSING, {}, {"tariff": None}),
    Case(DenyReason.FACTS_MISSING, {}, {"hotlist_age_s": -1}),
    Case(DenyReason.FACTS_TOO_OLD, {}, {"hotlist_max_age_s": 59}),
    Case(DenyReason.HOTLISTED, {"hotlisted": True}, {}),
    Case(DenyReason.NOT_STARTED, {"valid_from": date(2026, 3, 3)}, {}),
    Case(DenyReason.EXPIRED, {"valid_to": date(2026, 3, 1)}, {}),
    Case(DenyReason.APPLICATION_BLOCKED, {"blocked": True}, {}),
    Case(DenyReason.PASSBACK, {"seconds_since_last_tap": 1}, {}),
    Case(DenyReason.BALANCE_TOO_LOW, {"balance": Fen(169)}, {}),
]


def ask_bus(*cases: Case) -> object:
    subject = {key: value for case in cases for key, value in case.subject.items()}
    facts = {key: value for case in cases for key, value in case.facts.items()}
    return bus.decide(replace(RIDER, **subject), replace(BUS_FACTS, **facts), DAY)


@pytest.mark.parametrize(
    ("change", "fare", "price_class"),
    [
        ({}, 170, "card"),
        ({"birth": None}, 170, "card"),
        ({"birth": date(1961, 3, 3)}, 170, "card"),  # 64 until tomorrow
        ({"birth": date(1961, 3, 2)}, 100, "senior-half"),  # 65 today
        ({"birth": date(1956, 3, 3)}, 100, "senior-half"),  # 69 until tomorrow
        ({"birth": date(1956, 3, 2), "balance": Fen(0)}, 0, "senior-free"),  # 70 today, no money needed
        ({"balance": Fen(170)}, 170, "card"),
        ({"seconds_since_last_tap": 2}, 170, "card"),
        ({"seconds_since_last_tap": -5}, 170, "card"),  # the clock was set back: no passback from the future
        ({"valid_from": DAY, "valid_to": DAY}, 170, "card"),
    ],
)
def test_bus_grants(change: dict[str, Any], fare: int, price_class: str) -> None:
    assert bus.decide(replace(RIDER, **change), BUS_FACTS, DAY) == Grant(Fen(fare), price_class)


def test_bus_goes_on_with_an_unsure_clock_and_says_so() -> None:
    expired = replace(RIDER, valid_to=date(2020, 1, 1), valid_from=date(2030, 1, 1))
    unsure = replace(BUS_FACTS, clock_sure=False)
    assert bus.decide(expired, unsure, DAY) == Grant(Fen(170), "card", ("clock-unsure",))


# ---- hotel ----------------------------------------------------------------------------------------------------------

GUEST = hotel.HotelGuest(Assurance.CHIP, True, False, date(2036, 1, 1), BIRTH, False)
HOTEL_FACTS = hotel.HotelFacts(60, 3_600, True)
HOTEL_CASES = [
    Case(DenyReason.FACTS_MISSING, {}, {"hotlist_age_s": -1}),
    Case(DenyReason.FACTS_TOO_OLD, {}, {"hotlist_max_age_s": 59}),
    Case(DenyReason.NOT_ACCEPTED_HERE, {}, {"item_in_force": False}),
    Case(DenyReason.NOT_GENUINE, {"genuine": False}, {}),
    Case(DenyReason.ASSURANCE_TOO_LOW, {"assurance": Assurance.CODE}, {}),
    Case(DenyReason.HOTLISTED, {"hotlisted": True}, {}),
    Case(DenyReason.EXPIRED, {"valid_to": date(2026, 3, 1)}, {}),
]


def ask_hotel(*cases: Case) -> object:
    subject = {key: value for case in cases for key, value in case.subject.items()}
    facts = {key: value for case in cases for key, value in case.facts.items()}
    return hotel.decide(replace(GUEST, **subject), replace(HOTEL_FACTS, **facts), DAY)


@pytest.mark.parametrize("assurance", [Assurance.CHIP, Assurance.CHIP_PIN, Assurance.REPLAYED])
def test_hotel_grants_what_proves_the_chip(assurance: Assurance) -> None:
    assert hotel.decide(replace(GUEST, assurance=assurance), HOTEL_FACTS, DAY) == Grant(price_class="stay")


@pytest.mark.parametrize(
    ("birth", "accompanied", "answer"),
    [
        (date(2008, 3, 3), False, Refer("R-MINOR-ALONE")),
        (date(2008, 3, 3), True, Grant(price_class="stay")),
        (date(2008, 3, 2), False, Grant(price_class="stay")),
        (None, False, Grant(price_class="stay")),
    ],
)
def test_hotel_refers_a_minor_alone(birth: date | None, accompanied: bool, answer: object) -> None:
    assert hotel.decide(replace(GUEST, birth=birth, accompanied=accompanied), HOTEL_FACTS, DAY) == answer


def test_hotel_denies_before_it_refers() -> None:
    minor = replace(GUEST, birth=date(2015, 1, 1), hotlisted=True)
    assert hotel.decide(minor, HOTEL_FACTS, DAY) == Deny(DenyReason.HOTLISTED)


# ---- scenic ---------------------------------------------------------------------------------------------------------

PRICES = scenic.ScenicPrices("park", Fen(6_001))
VISITOR = scenic.ScenicVisitor(Entitlement.NONE, DAY, False, False)
SCENIC_FACTS = scenic.ScenicFacts(PRICES, 60, 3_600, 60, 3_600, True, 0, 10)
SCENIC_CASES = [
    Case(DenyReason.FACTS_MISSING, {}, {"prices": None}),
    Case(DenyReason.FACTS_MISSING, {}, {"hotlist_age_s": -1}),
    Case(DenyReason.FACTS_MISSING, {}, {"trust_age_s": -1}),
    Case(DenyReason.FACTS_TOO_OLD, {}, {"hotlist_max_age_s": 59}),
    Case(DenyReason.FACTS_TOO_OLD, {}, {"trust_max_age_s": 59}),
    Case(DenyReason.CLOCK_UNSURE, {}, {"clock_sure": False}),
    Case(DenyReason.HOTLISTED, {"hotlisted": True}, {}),
    Case(DenyReason.REPLAYED, {"replay": True}, {}),
    Case(DenyReason.CAPACITY_FULL, {}, {"inside": 10}),
    Case(DenyReason.OVER_CODE_LIMIT, {"code_limit": Fen(2_000)}, {}),
]


def ask_scenic(*cases: Case) -> object:
    subject = {key: value for case in cases for key, value in case.subject.items()}
    facts = {key: value for case in cases for key, value in case.facts.items()}
    return scenic.decide(replace(VISITOR, **subject), replace(SCENIC_FACTS, **facts), DAY)


@pytest.mark.parametrize(
    ("rights", "price", "price_class"),
    [
        (Entitlement.NONE, 6_001, "full"),
        (Entitlement.RESIDENT, 6_001, "full"),
        (Entitlement.SENIOR_HALF, 3_001, "senior-half"),  # half a fen rounds up
        (Entitlement.MINOR_HALF, 3_001, "minor-half"),
        (Entitlement.STUDENT, 3_001, "student"),
        (Entitlement.SENIOR_HALF | Entitlement.DISABLED, 0, "free"),
        (Entitlement.SENIOR_FREE, 0, "free"),
        (Entitlement.CHILD_FREE, 0, "free"),
        (Entitlement.SOLDIER, 0, "free"),
    ],
)
def test_scenic_prices_by_the_best_right(rights: Entitlement, price: int, price_class: str) -> None:
    assert scenic.decide(replace(VISITOR, rights=rights), SCENIC_FACTS, DAY) == Grant(Fen(price), price_class)


def test_scenic_rights_end_with_their_day() -> None:
    senior = replace(VISITOR, rights=Entitlement.SENIOR_FREE, rights_valid_to=date(2026, 3, 1))
    assert scenic.decide(senior, SCENIC_FACTS, DAY) == Grant(Fen(6_001), "full")


def test_scenic_limit_is_against_the_price_after_rights() -> None:
    visitor = replace(VISITOR, rights=Entitlement.SENIOR_FREE, code_limit=Fen(0))
    assert scenic.decide(visitor, SCENIC_FACTS, DAY) == Grant(Fen(0), "free")


# ---- kiosk ----------------------------------------------------------------------------------------------------------

HOLDER = kiosk.KioskVisitor(Assurance.CHIP_PIN, True, False, date(2036, 1, 1))
KIOSK_CASES = [
    Case(DenyReason.FACTS_MISSING, {}, {"hotlist_age_s": -1}),
    Case(DenyReason.FACTS_TOO_OLD, {}, {"hotlist_max_age_s": 59}),
    Case(DenyReason.NOT_GENUINE, {"genuine": False}, {}),
    Case(DenyReason.ASSURANCE_TOO_LOW, {"assurance": Assurance.CHIP}, {}),
    Case(DenyReason.HOTLISTED, {"hotlisted": True}, {}),
    Case(DenyReason.EXPIRED, {"valid_to": date(2026, 3, 1)}, {}),
]


def ask_kiosk(*cases: Case) -> object:
    subject = {key: value for case in cases for key, value in case.subject.items()}
    ages = {"hotlist_age_s": 60, "hotlist_max_age_s": 3_600}
    ages.update({key: value for case in cases for key, value in case.facts.items()})
    return kiosk.decide(replace(HOLDER, **subject), ages["hotlist_age_s"], ages["hotlist_max_age_s"], DAY)


def test_kiosk_opens_for_chip_and_pin_only() -> None:
    assert ask_kiosk() == Grant(price_class="kiosk")
    for assurance in set(Assurance) - {Assurance.CHIP_PIN}:
        assert kiosk.decide(replace(HOLDER, assurance=assurance), 60, 3_600, DAY) == Deny(DenyReason.ASSURANCE_TOO_LOW)


# ---- all of them ----------------------------------------------------------------------------------------------------

SCENES = [
    ("bus", ask_bus, BUS_CASES),
    ("hotel", ask_hotel, HOTEL_CASES),
    ("scenic", ask_scenic, SCENIC_CASES),
    ("kiosk", ask_kiosk, KIOSK_CASES),
]
ONE = [pytest.param(ask, case, id=f"{name}: {case.reason.value}") for name, ask, cases in SCENES for case in cases]
TWO = [
    pytest.param(ask, one, two, id=f"{name}: {one.reason.value} and {two.reason.value}")
    for name, ask, cases in SCENES
    for one, two in combinations(cases, 2)
    if not (set(one.subject) & set(two.subject) or set(one.facts) & set(two.facts))
]
# What the rules of later scenes, the verifiers and the road of the tap say themselves.
ELSEWHERE = {DenyReason.NO_RESERVATION, DenyReason.CARD_MOVED, DenyReason.DEVICE_FAILED}


@pytest.mark.parametrize(("ask", "case"), ONE)
def test_each_reason_alone(ask: Any, case: Case) -> None:
    assert ask(case) == Deny(case.reason)


@pytest.mark.parametrize(("ask", "one", "two"), TWO)
def test_of_two_reasons_the_earlier_declared_wins(ask: Any, one: Case, two: Case) -> None:
    assert ask(one, two) == Deny(min(one.reason, two.reason, key=list(DenyReason).index))


def test_every_reason_has_its_place() -> None:
    asked = {case.reason for _, _, cases in SCENES for case in cases}
    assert asked | ELSEWHERE == set(DenyReason)
    assert not asked & ELSEWHERE


def test_first_reason_is_total() -> None:
    assert first_reason([]) is None
    assert first_reason(list(reversed(DenyReason))) is DenyReason.FACTS_MISSING


@pytest.mark.parametrize("decision", [Grant(Fen(170), "card", ("clock-unsure",)), Grant(), Refer("R-MINOR-ALONE")])
def test_decisions_have_a_wire_form(decision: Any) -> None:
    written = decision_to_json(decision)
    assert written["answer"] == ("grant" if isinstance(decision, Grant) else "refer")
    assert all(value is not None for value in written.values())


@pytest.mark.parametrize("reason", list(DenyReason))
def test_denials_have_a_wire_form(reason: DenyReason) -> None:
    assert decision_to_json(Deny(reason)) == {"answer": "deny", "reason": reason.value}
