"""A lost card's money: held, late taps, the list at every terminal, the rest to the new card. Both engines."""

import json

from tests.server.house import Device, House, Purse
from tests.server.roads import Town, resolution, ride

BEAT = {"pending": 0, "oldest_pending_at": 0, "clock_ms": 0}


def loaded(kiosk: Device, purse: Purse, amount: int, funding: str = "bank_account") -> None:
    wish = purse.load_wish(amount, kiosk.terminal_no, funding=funding)
    answer = kiosk.post("/purse/loads", wish)
    assert kiosk.post(f"/purse/loads/{answer['load_id']}:finish", purse.credit(wish, answer)) == {"state": "posted"}


class Street:
    """A town with one loaded purse, a bus and a kiosk."""

    def __init__(self, house: House) -> None:
        self.house, self.town = house, Town(house)
        self.town.person(1)
        self.card = self.town.card(1)
        self.bus = house.enrol("bus-1", "bus", psam_no="460000000001")
        self.kiosk = house.enrol("kiosk-1", "kiosk")
        self.purse = house.purse(1)
        loaded(self.kiosk, self.purse, 5000)

    def lose(self) -> None:
        self.house.clock.advance(60)
        self.town.change(self.card, status="2", prev_status="1", reason="formal_loss")

    def replace(self) -> Purse:
        new = self.town.card(2, "0", owner=1, supersedes=self.card)
        self.town.change(self.card, status="9", prev_status="2", reason="replaced")
        self.town.change(new, status="1")
        return self.house.purse(2)

    def acknowledge(self, device: Device) -> None:
        """Fetch what is newer, then ask again: asking with a version acknowledges it."""
        version = device.get("/facts/hotlist?have=0")["header"]["version"]
        assert device.call("GET", f"/facts/hotlist?have={version}").status == 204


def test_late_taps_are_charged_to_suspense_and_the_rest_follows(house: House) -> None:
    street = Street(house)
    street.lose()
    assert house.balances() == {"bank:102": 5000, f"suspense:lost:{street.purse.asn}": -5000}
    assert street.bus.verdicts([ride(street.bus, street.purse)]) == [("accepted", "")]
    assert house.balances()[f"suspense:lost:{street.purse.asn}"] == -4830
    new = street.replace()
    waiting = house.console.post("/operator/sync", {})["releases"]
    assert [(r["released"], r["fen"], r["waiting_for"]) for r in waiting] == [(False, 4830, ["bus-1", "kiosk-1"])]
    street.acknowledge(street.bus)
    assert house.console.post("/operator/sync", {})["releases"][0]["waiting_for"] == ["kiosk-1"]
    street.acknowledge(street.kiosk)
    released = house.console.post("/operator/sync", {})["releases"]
    assert [(r["released"], r["fen"], r["new_asn"]) for r in released] == [(True, 4830, new.asn)]
    assert house.console.post("/operator/sync", {})["releases"] == []
    assert street.kiosk.post("/purse/credits", {"asn": new.asn})["amount"] == 4830
    reply = street.kiosk.call(
        "POST", "/purse/loads", new.load_wish(4831, street.kiosk.terminal_no, funding="lost_card")
    )
    assert reply.body["code"] == "E-LOAD-FUNDS"
    loaded(street.kiosk, new, 4830, "lost_card")
    expected = {"bank:102": 5000, "operator:haikou-bus": -170, f"purse:{new.asn}": -4830}
    assert house.balances() == expected


def test_what_comes_after_the_rest_has_gone_is_scheme_loss(house: House) -> None:
    street = Street(house)
    street.lose()
    street.replace()
    house.clock.advance(days=4)
    assert house.console.post("/operator/sync", {})["releases"][0]["released"]
    assert street.bus.verdicts([ride(street.bus, street.purse)]) == [("accepted", "")]
    assert house.balances()["scheme-loss"] == 170
    assert house.invariants()["scheme_loss"]["value"] == 170


def test_a_tap_beyond_the_rest_is_split(house: House) -> None:
    street = Street(house)
    street.purse.balance = 5100
    street.lose()
    rides = [ride(street.bus, street.purse) for _ in range(30)]
    assert {verdict for verdict, _ in street.bus.verdicts(rides)} == {"accepted"}
    balances = house.balances()
    assert balances == {"bank:102": 5000, "operator:haikou-bus": -5100, "scheme-loss": 100}
    assert house.invariants()["events_posted_once"]["ok"]


def test_a_terminal_that_held_the_list_and_let_the_card_ride_is_suspect(house: House) -> None:
    street = Street(house)
    street.lose()
    version = street.bus.get("/facts/hotlist?have=1")["header"]["version"]
    event = ride(street.bus, street.purse, facts={"hotlist": version, "tariff": 1})
    assert street.bus.verdicts([event]) == [("suspect", "E-EVENT-HOTLIST")]
    refused = ride(street.bus, street.purse, facts={"hotlist": version, "tariff": 1}, hotlisted=True)
    assert street.bus.verdicts([refused]) == [("accepted", "")]


def test_a_card_found_again_gets_its_money_back(house: House) -> None:
    street = Street(house)
    street.town.change(street.card, status="4", prev_status="1", reason="temporary_loss")
    assert f"purse:{street.purse.asn}" not in house.balances()
    street.town.change(street.card, status="1", prev_status="", reason="unloss")
    assert house.balances() == {"bank:102": 5000, f"purse:{street.purse.asn}": -5000}


def test_a_lost_card_is_not_loaded(house: House) -> None:
    street = Street(house)
    street.lose()
    reply = street.kiosk.call("POST", "/purse/loads", street.purse.load_wish(1000, street.kiosk.terminal_no))
    assert reply.body["code"] == "E-PURSE-BLOCKED"


def test_an_uncertain_tap_voided_after_the_loss_returns_to_suspense(house: House) -> None:
    street = Street(house)
    tap = ride(street.bus, street.purse, outcome="uncertain")
    street.bus.upload([tap])
    street.lose()
    street.bus.upload([resolution(street.bus, json.loads(tap), "voided", street.purse)])
    assert house.balances() == {"bank:102": 5000, f"suspense:lost:{street.purse.asn}": -5000}
