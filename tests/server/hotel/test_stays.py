"""Stays: to the police when its desk answers, the receipt back by notice, once. Both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server.context import Connectors
from server.hotel.police import PoliceDownError, StayReceipt, StayReport
from tests.server.house import Device, House, open_house
from tests.server.roads import Town, stay


class Desk:
    """A police desk of this test's own: counts what it is asked."""

    def __init__(self) -> None:
        self.up = True
        self.asked: list[StayReport] = []

    def register_stay(self, report: StayReport) -> StayReceipt:
        self.asked.append(report)
        if not self.up:
            raise PoliceDownError
        return StayReceipt(f"R{len(self.asked)}")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def house(store_url: str, tmp_path: Path, desk: Desk) -> Iterator[House]:
    with open_house(store_url, tmp_path, Connectors(police=desk)) as opened:
        yield opened


@pytest.fixture
def hotel(house: House) -> Device:
    return house.enrol("hotel-1", "hotel")


def guest(house: House) -> dict[str, str]:
    town = Town(house)
    town.person(1)
    return town.cards[town.card(1)]


def test_a_stay_gets_its_receipt_by_notice(house: House, hotel: Device, desk: Desk) -> None:
    event = stay(hotel, guest(house), "陈1", "460100199001010001")
    assert hotel.verdicts([event]) == [("accepted", "")]
    [notice] = hotel.get("/notices?after=0")["notices"]
    assert notice["kind"] == "stay_receipt"
    assert (notice["body"]["stay_id"], notice["body"]["receipt_no"]) == (f"{1:032x}", "R1")
    assert [(r.name, r.room) for r in desk.asked] == [("陈1", "0801")]
    assert "陈1" not in repr(desk.asked[0])
    hotel.upload([event])
    house.console.post("/operator/sync", {})
    assert len(desk.asked) == 1


def test_a_desk_that_is_down_is_asked_again(house: House, hotel: Device, desk: Desk) -> None:
    desk.up = False
    card = guest(house)
    events = [stay(hotel, card, "陈1", "460100199001010001") for _ in range(2)]
    assert hotel.verdicts(events) == [("accepted", "")] * 2
    assert hotel.get("/notices?after=0")["notices"] == []
    assert house.invariants()["stays"]["value"] == {"waiting": 2}
    desk.up = True
    assert house.console.post("/operator/sync", {})["stays"] == 2
    assert [n["position"] for n in hotel.get("/notices?after=0")["notices"]] == [1, 2]
    assert house.invariants()["stays"]["value"] == {"registered": 2}


def test_name_and_number_are_compared_with_the_registry(house: House, hotel: Device) -> None:
    card = guest(house)
    hotel.upload([stay(hotel, card, "陈1", "460100199001010001"), stay(hotel, card, "王某", "460100199001010001")])
    with house.context.store.reading() as session:
        rows = session.execute(text("SELECT matches FROM hotel_stays ORDER BY event")).scalars().all()
    assert rows == ["same", "different"]


def test_a_refused_guest_is_no_stay(house: House, hotel: Device, desk: Desk) -> None:
    card = guest(house)
    assert hotel.verdicts([stay(hotel, card, "陈1", "x", outcome="none")]) == [("accepted", "")]
    assert desk.asked == []
