"""Clearing equals the postings and the journals, takes each posting once, and refuses to pay what does not agree."""

from datetime import date, timedelta
from typing import Any

from server.ledger import service as ledger
from tests.server.house import Device, House, Purse
from tests.server.roads import Town, ride

DAY = date(2026, 11, 23)
BUS = "haikou-bus"


def loaded(house: House, town: Town, number: int) -> Purse:
    """A purse with money in the book."""
    town.person(number)
    town.card(number)
    purse = house.purse(number)
    purse.balance = 10_000
    with house.context.store.transaction() as session:
        ledger.post(
            session,
            key=f"test-load:{number}",
            at_ms=house.context.now_ms(),
            debit="bank:102",
            credit=f"purse:{purse.asn}",
            fen=10_000,
            memo="load",
        )
    return purse


def validator(house: House, number: int, operator: str = BUS) -> Device:
    return house.enrol(f"bus-{number}", "bus", operator=operator, psam_no=f"{460000000000 + number}")


def clear(house: House, day: date = DAY) -> dict[str, Any]:
    return house.console.post("/operator/clearing", {"date": f"{day:%Y%m%d}", "bank": "102"})


def test_a_day_is_cleared_per_operator_and_paid_once(house: House) -> None:
    town = Town(house)
    purses = [loaded(house, town, number) for number in (1, 2, 3)]
    one, two = validator(house, 1), validator(house, 2, "sanya-bus")
    fares = 0
    for purse in purses:
        assert one.verdicts([ride(one, purse)]) == [("accepted", "")]
        fares += 10_000 - purse.balance
    assert two.verdicts([ride(two, purses[0], operator="sanya-bus", line="S1")])[0][0] in ("accepted", "suspect")
    report = clear(house)
    by_name = {line["operator"]: line for line in report["lines"]}
    assert report["balanced"] and report["differences"] == []
    assert (by_name[BUS]["count"], by_name[BUS]["fen"], by_name[BUS]["journal_fen"]) == (3, fares, fares)
    assert by_name[BUS]["settled"] and by_name[BUS]["days"] == {"20261123": fares}
    balances = house.balances()
    assert f"operator:{BUS}" not in balances
    assert balances["bank:102"] == 30_000 - report["fen"]
    again = clear(house)
    assert again == report and house.balances() == balances


def test_what_arrives_late_makes_a_further_run(house: House) -> None:
    town = Town(house)
    purse = loaded(house, town, 1)
    device = validator(house, 1)
    late = ride(device, purse)
    assert clear(house)["lines"] == []
    house.clock.advance(days=1)
    device.upload([late])
    tomorrow = DAY + timedelta(days=1)
    report = clear(house, tomorrow)
    fen = 10_000 - purse.balance
    assert [(line["run"], line["fen"], line["days"]) for line in report["lines"]] == [(1, fen, {"20261123": fen})]
    device.upload([ride(device, purse)])
    second = clear(house, tomorrow)
    assert [line["run"] for line in second["lines"]] == [1, 2] and second["balanced"]
    assert second["fen"] == 10_000 - purse.balance


def test_a_book_that_differs_from_the_journal_is_named_and_not_paid(house: House) -> None:
    town = Town(house)
    purse = loaded(house, town, 1)
    device = validator(house, 1)
    device.upload([ride(device, purse)])
    (event,) = [f"{device.terminal_no}.{device.epoch}.1"]
    with house.context.store.transaction() as session:
        ledger.post(
            session,
            key="a hand in the till",
            at_ms=house.context.now_ms(),
            debit="scheme-loss",
            credit=f"operator:{BUS}",
            fen=5,
            memo="wrong",
            event=event,
        )
    report = clear(house)
    assert not report["balanced"]
    (found,) = report["differences"]
    assert (found["kind"], found["subject"], found["ours"] - found["theirs"]) == ("R-DIFF-EVENT-DIFF", event, 5)
    assert not report["lines"][0]["settled"]
    assert house.balances()[f"operator:{BUS}"] == -report["fen"]
    assert house.console.get("/operator/clearing/differences")["differences"][0]["subject"] == event
    with house.context.store.transaction() as session:
        ledger.post(
            session,
            key="put right",
            at_ms=house.context.now_ms(),
            debit=f"operator:{BUS}",
            credit="scheme-loss",
            fen=5,
            memo="right",
            event=event,
        )
    mended = clear(house)
    assert mended["differences"] == [] and all(line["settled"] for line in mended["lines"])
    assert house.console.get("/operator/clearing/differences")["differences"] == []


def test_a_terminal_of_another_operator_cannot_earn(house: House) -> None:
    town = Town(house)
    purse = loaded(house, town, 1)
    device = validator(house, 1, operator="nobody")
    device.upload([ride(device, purse)])
    report = clear(house)
    assert [item["kind"] for item in report["differences"]] == ["R-DIFF-EVENT-DIFF"]


def test_the_desk_refuses_a_day_that_is_none(house: House) -> None:
    assert house.console.call("POST", "/operator/clearing", {"date": "20261399", "bank": "102"}).status == 422
