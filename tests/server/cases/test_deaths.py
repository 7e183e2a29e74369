"""One notice of death stops card, code, purse and next payment, names what is owed back, and can be taken back."""

from datetime import date

import pytest

from server.cases import service as cases
from server.cases.errors import DeathConflictError, DeathDateError, DeathPersonError, DeathUnknownError
from tests.server.house import House
from tests.server.parish import FEN, Parish


@pytest.fixture
def parish(house: House) -> Parish:
    found = Parish(house)
    house.context.connectors.banks["102"] = found.bank  # type: ignore[index]
    return found


def test_everything_stops_and_what_is_owed_is_named(parish: Parish, house: House) -> None:
    card_id = parish.citizen(1)
    parish.citizen(2)
    paid_before, paid_after = parish.pay("202609", 1, 2), parish.pay("202611", 1, 2)
    waiting = parish.prepare("202612", 1, 2)
    found = parish.die(1, date(2026, 10, 5))
    assert parish.rules(paid_before) == parish.rules(paid_after) == [("PAID", ""), ("PAID", "")]
    assert parish.rules(waiting) == [("BLOCKED", "PV05"), ("READY", "")]
    assert parish.rules(parish.prepare("202701", 1, 2)) == [("BLOCKED", "PV05"), ("READY", "")]
    assert found.owed_fen == FEN and found.heirs_fen == 500 and found.case_id
    assert {stop.kind for stop in found.stops} == {"card", "code", "purse", "payment", "owed_back"}
    assert all(stop.at_ms > 0 for stop in found.stops)
    desk = house.console.get(f"/operator/cards/{card_id}")
    assert desk["status"] == "9" and desk["listed_since"] > 0
    balances = house.balances()
    assert balances["recovery:P00001"] == FEN
    assert balances["suspense:lost:4601000000000001"] == -500
    assert house.invariants()["ledger_sums_to_zero"]["ok"]
    assert parish.die(1, date(2026, 10, 5)) == found
    assert house.balances() == balances


def test_what_was_on_the_way_is_claimed_when_it_is_paid(parish: Parish, house: House) -> None:
    parish.citizen(1)
    account = next(iter(parish.town.cards.values()))["account"]
    parish.bank.plant(account, "timeout")
    batch_no = parish.pay("202611", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert parish.rules(batch_no) == [("UNKNOWN", "")] and found.owed_fen == 0
    house.console.post("/operator/benefit/queries", {})
    assert house.console.get(f"/operator/deaths/{found.notice_id}")["owed_fen"] == FEN
    assert house.balances()["recovery:P00001"] == FEN


def test_a_claim_ends_when_the_bank_sends_the_money_back(parish: Parish, house: House) -> None:
    parish.citizen(1)
    account = next(iter(parish.town.cards.values()))["account"]
    parish.bank.plant(account, "late_return")
    parish.pay("202611", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert found.owed_fen == FEN
    parish.bank.release_late()
    house.console.post("/operator/benefit/returns:collect", {})
    assert house.console.get(f"/operator/deaths/{found.notice_id}")["owed_fen"] == 0
    assert "recovery:P00001" not in house.balances() and "treasury:ELDER" not in house.balances()


def test_a_wrong_notice_is_taken_back(parish: Parish, house: House) -> None:
    parish.citizen(1)
    parish.pay("202611", 1)
    before = house.balances()
    waiting = parish.prepare("202612", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert cases.release_heirs(house.context, found.notice_id) == 500
    assert house.balances()["heirs:P00001"] == -500
    back = house.console.post(f"/operator/deaths/{found.notice_id}:withdraw", {"actor": "b", "why": "wrong person"})
    assert back["withdrawn"] and back["owed_fen"] == 0
    after = house.balances()
    assert after.pop("suspense:lost:4601000000000001") == before.pop("purse:4601000000000001") == -500
    assert after == before
    again = house.console.call("POST", f"/operator/deaths/{found.notice_id}:withdraw", {"actor": "b", "why": "x"})
    assert (again.status, again.body["code"]) == (404, "E-DEATH-UNKNOWN")
    # The lost month is paid back by a new roll, once the register says that the person lives and has a card again.
    parish.town._tell("person", "P00001", parish._person(1, "1"))
    parish.town.change(next(iter(parish.town.cards)), status="1", reason="")
    assert parish.rules(waiting) == [("BLOCKED", "PV05")]
    house.console.post(f"/operator/benefit/batches/{waiting}:reject", {"actor": "b", "why": "wrong notice"})
    assert parish.rules(parish.pay("202612", 1)) == [("PAID", "")]


def test_a_notice_that_cannot_be(parish: Parish) -> None:
    parish.citizen(1)
    with pytest.raises(DeathDateError):
        parish.die(1, date(2026, 11, 24))
    parish.names[1] = ("别人", parish.names[1][1])
    with pytest.raises(DeathPersonError):
        parish.die(1, date(2026, 10, 5))
    parish.names[1] = ("陈1", parish.names[1][1])
    parish.die(1, date(2026, 10, 5))
    with pytest.raises(DeathConflictError):
        parish.die(1, date(2026, 10, 6))


def test_the_desk_records_a_death_without_issuance(parish: Parish, house: House) -> None:
    parish.citizen(1)
    name, id_no = parish.names[1]
    answer = house.console.post(
        "/operator/deaths", {"id_no": id_no, "name": name, "date": "20261005", "source": "civil affairs"}
    )
    assert answer["person_id"] == "P00001" and not answer["withdrawn"]
    assert parish.rules(parish.prepare("202612", 1)) == [("BLOCKED", "PV05")]
    wrong = house.console.call(
        "POST", "/operator/deaths", {"id_no": id_no, "name": "别人", "date": "20261005", "source": "x"}
    )
    assert wrong.status in (404, 409) and wrong.body["code"] == "E-DEATH-PERSON" and wrong.body["message_zh"]


def test_an_unknown_notice(house: House) -> None:
    with house.context.store.reading() as session, pytest.raises(DeathUnknownError):
        cases.view(session, "DN-none")
