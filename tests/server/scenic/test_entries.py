"""One code at two sites: both entries stand, the pair is marked and told. Both engines."""

import json

import pytest

from tests.server.house import Device, House
from tests.server.roads import PRICES, Town, entry

KEY = "ab" * 32
SERIAL = f"4601{1:015d}"


@pytest.fixture
def gates(house: House) -> list[Device]:
    house.console.post("/operator/facts/policy", {"entries": [PRICES]})
    return [house.enrol(f"gate-{n}", "scenic") for n in (1, 2)]


def test_a_second_site_is_marked_and_never_turned_into_a_failure(house: House, gates: list[Device]) -> None:
    town = Town(house)
    town.person(1)
    town.card(1)
    first = entry(gates[0], SERIAL, KEY)
    assert gates[0].verdicts([first]) == [("accepted", "")]
    house.clock.advance(60)
    second = entry(gates[1], SERIAL, KEY)
    assert gates[1].verdicts([second]) == [("accepted", "")]
    assert gates[1].verdicts([second]) == [("duplicate", "")]
    for gate in gates:
        [notice] = gate.get("/notices?after=0")["notices"]
        assert (notice["kind"], notice["body"]["replay_key"]) == ("double_entry", KEY)
        assert notice["body"]["first"].startswith(gates[0].terminal_no)
    card_id = next(iter(town.cards))
    uses = house.console.get(f"/operator/cards/{card_id}/uses")["uses"]
    assert [use["action"] for use in uses] == ["read", "scenic", "scenic"]


def test_a_wrong_price_is_suspect(house: House, gates: list[Device]) -> None:
    forged = gates[0]
    event = entry(forged, SERIAL, KEY)
    assert forged.verdicts([event]) == [("accepted", "")]
    house.console.post("/operator/facts/policy", {"entries": [PRICES | {"full_price": 7000}]})
    raw = forged.mint(
        "scenic",
        {**_body(event)},
        {"answer": "grant", "fare": 3400, "price_class": "senior-half"},
        facts={"hotlist": 1, "policy": 3, "trust": 1},
    )
    assert forged.verdicts([raw]) == [("suspect", "E-EVENT-RULE")]


def _body(raw: bytes) -> dict[str, object]:
    body: dict[str, object] = json.loads(raw)["body"]
    return body


def test_the_first_site_to_ask_is_first_however_often_it_asks(house: House, gates: list[Device]) -> None:
    at = house.context.now_ms()
    asked = {"replay_key": KEY, "terminal": gates[0].terminal_no, "at": at}
    for _ in range(2):
        assert gates[0].post("/codes:check", asked)["first"] is True
    second = gates[1].post("/codes:check", asked | {"terminal": gates[1].terminal_no, "at": at + 5})
    assert second == {"first": False, "seen_at": at, "seen_by": gates[0].terminal_no}
    again = gates[0].post("/codes:check", asked | {"at": at + 9})
    assert again["first"] is False
