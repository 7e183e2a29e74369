"""The hotel desk: a genuine chip registers offline; three kinds of forged chips are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from card.domain.decision import Deny, DenyReason, Grant, Refer
from card.domain.event import Outcome
from card.domain.lifecycle import Medium
from card.domain.scene import Place
from firmware_sim.card.faults import Fault
from firmware_sim.card.variants import copy_files, external_only, wrong_internal_key
from terminal.hotel.main import HotelDesk
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import VolatileMemory
from terminal.scenes.hotel import StayRequest
from terminal.sync import Notice
from tests.terminal.street import Street, list_entry

HOTEL = Place("haikou-hotel", "front-desk", "460100")
ROOM = StayRequest("1208")


@pytest.fixture
def street(tmp_path: Path) -> Street:
    street = Street.open(tmp_path)
    street.give("hotlist", [])
    street.give("catalogue", [{"item": "hotel", "operator": "*", "in_force": True}])
    return street


def desk(street: Street) -> tuple[HotelDesk, SqliteJournal]:
    street.rack.insert("hotel-psam", street.psam(9))
    journal = street.journal(9)
    post = street.post(9, HOTEL)
    rack = street.rack
    return HotelDesk(post, rack.reader("hotel-card"), rack.reader("hotel-psam"), journal, VolatileMemory()), journal


def bodies(journal: SqliteJournal) -> list[dict[str, Any]]:
    return [json.loads(event.raw)["body"] for event in journal.unsent(100)]


def test_a_genuine_chip_is_registered_without_a_line(street: Street) -> None:
    path, twin = street.card(1)
    hotel, journal = desk(street)
    street.rack.insert("hotel-card", path)
    result = hotel.check_in(ROOM)
    assert isinstance(result.decision, Grant) and result.outcome is Outcome.POSTED
    [event] = journal.unsent(9)
    stored = json.loads(event.raw)
    assert stored["credential"]["assurance"] == "chip" and stored["credential"]["unproven"] == ["holder"]
    body = stored["body"]
    assert body["card_id"] == twin.card_id.hex() and body["card_no"] == twin.card_no
    assert body["id_no"] == twin.citizen_no and len(body["stay_id"]) == 32
    assert twin.citizen_no not in result.screen.text()


def test_the_challenge_is_fresh_every_time(street: Street) -> None:
    path, _ = street.card(1)
    hotel, _ = desk(street)
    street.rack.insert("hotel-card", path)
    asked = []
    for _ in range(2):
        hotel.check_in(ROOM)
        asked.append([x.command for x in hotel.wires.trace.exchanges if "INTERNAL" in x.name])
    assert len(asked[0]) == 1 and asked[0] != asked[1]


def test_the_receipt_comes_later_by_notice(street: Street) -> None:
    path, _ = street.card(1)
    hotel, journal = desk(street)
    street.rack.insert("hotel-card", path)
    hotel.check_in(ROOM)
    stay = bodies(journal)[0]["stay_id"]
    assert hotel.receipt(stay) is None
    shown = hotel.take_notice(Notice(1, "stay_receipt", {"stay_id": stay, "receipt_no": "P-1", "result": "registered"}))
    receipt = hotel.receipt(stay)
    assert shown is not None and "P-1" in shown.zh and receipt is not None and receipt["receipt_no"] == "P-1"
    assert hotel.take_notice(Notice(2, "facts_wanted", {})) is None


@pytest.mark.parametrize("kind", ["wrong key", "copied files", "external only"])
def test_forged_chips_are_refused_and_recorded(street: Street, kind: str) -> None:
    path, _ = street.card(1)
    if kind == "wrong key":
        wrong_internal_key(path)
    elif kind == "external only":
        external_only(path)
    else:
        other, _ = street.card(2)
        copy_files(path, other)
        path = other
    hotel, journal = desk(street)
    street.rack.insert("hotel-card", path)
    result = hotel.check_in(ROOM)
    assert result.decision == Deny(DenyReason.NOT_GENUINE) and result.screen.code == "D-NOT-GENUINE"
    [body] = bodies(journal)
    assert body["outcome"] == "none" and body["stay_id"] == "" and "id_no" not in body and "name" not in body


def test_a_listed_card_an_old_list_and_an_item_not_in_force(street: Street) -> None:
    path, twin = street.card(1)
    hotel, _ = desk(street)
    street.rack.insert("hotel-card", path)
    street.give("hotlist", [list_entry(Medium.CARD.value, twin.card_id)], version=2)
    assert hotel.check_in(ROOM).decision == Deny(DenyReason.HOTLISTED)
    street.give("hotlist", [], version=3)
    street.give("catalogue", [{"item": "hotel", "operator": "another", "in_force": True}], version=2)
    assert hotel.check_in(ROOM).decision == Deny(DenyReason.NOT_ACCEPTED_HERE)
    street.clock.advance(86_401)
    assert hotel.check_in(ROOM).decision == Deny(DenyReason.FACTS_TOO_OLD)


def test_a_minor_alone_is_referred_and_accompanied_is_registered(street: Street) -> None:
    path, _ = street.card(1, birth_date="20100101")
    hotel, journal = desk(street)
    street.rack.insert("hotel-card", path)
    result = hotel.check_in(ROOM)
    assert result.decision == Refer("R-MINOR-ALONE") and result.screen.tone.value == "staff"
    assert isinstance(hotel.check_in(StayRequest("1208", 2, accompanied=True)).decision, Grant)
    assert [body["outcome"] for body in bodies(journal)] == ["none", "posted"]


def test_an_expired_card(street: Street) -> None:
    path, _ = street.card(1, valid_to="20260301")
    hotel, _ = desk(street)
    street.rack.insert("hotel-card", path)
    assert hotel.check_in(ROOM).decision == Deny(DenyReason.EXPIRED)


@pytest.mark.parametrize("ins", [0xA4, 0xB2, 0x88])
def test_a_card_pulled_while_reading_is_a_lamp_and_no_event(street: Street, ins: int) -> None:
    path, _ = street.card(1)
    hotel, journal = desk(street)
    street.rack.fault("hotel-card", Fault("drop_answer", ins))
    street.rack.insert("hotel-card", path)
    assert hotel.check_in(ROOM).screen.code == "E-CARD-LOST"
    assert bodies(journal) == []


def test_a_lost_module_is_powered_again(street: Street) -> None:
    path, _ = street.card(1)
    hotel, _ = desk(street)
    street.rack.insert("hotel-card", path)
    street.rack.fault("hotel-psam", Fault("drop_answer", 0xFA))
    assert hotel.check_in(ROOM).screen.code == "E-PSAM-LOST"
    street.rack.eject("hotel-psam")
    street.rack.insert("hotel-psam", street.psam(9))
    assert isinstance(hotel.check_in(ROOM).decision, Grant)
