"""Online tokens: sixty seconds, one scan, a person without a name. Both engines."""

import pytest

from card.rules.entitlements import Entitlement
from tests.server.house import Device, House
from tests.server.roads import Town


@pytest.fixture
def gate(house: House) -> Device:
    return house.enrol("gate-1", "scenic")


@pytest.fixture
def town(house: House) -> Town:
    made = Town(house)
    made.person(1, birth="19580101")
    made.card(1)
    return made


def token(house: House, town: Town) -> str:
    answer = house.console.post("/operator/codes:token", {"card_id": next(iter(town.cards))})
    assert answer["expires"] == house.context.now_ms() + 60_000
    found: str = answer["token"]
    return found


def form(gate: Device, text: str) -> dict[str, str]:
    return {"token": text, "terminal": gate.terminal_no, "business_type": "01"}


def test_a_token_is_redeemed_once_for_rights_and_a_pseudonym(house: House, gate: Device, town: Town) -> None:
    text = token(house, town)
    found = gate.post("/codes:redeem", form(gate, text))
    assert Entitlement(found["entitlements"]) is Entitlement.SENIOR_HALF
    assert len(found["pseudonym"]) == 16
    reply = gate.call("POST", "/codes:redeem", form(gate, text))
    assert (reply.status, reply.body["code"]) == (409, "E-TOKEN-REFUSED")
    assert gate.post("/codes:redeem", form(gate, token(house, town)))["pseudonym"] == found["pseudonym"]


def test_a_token_ends_after_sixty_seconds(house: House, gate: Device, town: Town) -> None:
    text = token(house, town)
    house.clock.advance(61)
    assert gate.call("POST", "/codes:redeem", form(gate, text)).body["code"] == "E-TOKEN-REFUSED"


def test_a_lost_card_has_no_token_and_redeems_none(house: House, gate: Device, town: Town) -> None:
    text, card_id = token(house, town), next(iter(town.cards))
    town.change(card_id, status="2")
    assert gate.call("POST", "/codes:redeem", form(gate, text)).body["code"] == "E-CARD-NOT-USABLE"
    reply = house.console.call("POST", "/operator/codes:token", {"card_id": card_id})
    assert reply.body["code"] == "E-CARD-NOT-USABLE"


@pytest.mark.parametrize("text", ["x", "OCT1AAAA", "OCT1" + "A" * 32])
def test_what_is_no_token_is_refused(house: House, gate: Device, text: str) -> None:
    assert gate.call("POST", "/codes:redeem", form(gate, text)).body["code"] == "E-TOKEN-FORM"
