"""Intake: verdicts, conflicts, gaps, chains, TACs, replays; each event in the books exactly once. Both engines."""

import json
from typing import Any

import pytest

from card.domain.envelope import batch_bytes
from keys.algorithms.sm3 import sm3
from tests.server.house import API, Device, House
from tests.server.roads import Town, resolution, ride

ACCEPTED, DUPLICATE = ("accepted", ""), ("duplicate", "")


@pytest.fixture
def bus(house: House) -> Device:
    return house.enrol("bus-1", "bus", operator="haikou-bus", psam_no="460000000001")


def test_a_ride_is_accepted_once_and_booked_once(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    rides = [ride(bus, purse), ride(bus, purse)]
    assert bus.verdicts(rides) == [ACCEPTED, ACCEPTED]
    assert bus.verdicts(rides) == [DUPLICATE, DUPLICATE]
    assert bus.verdicts(rides[1:]) == [DUPLICATE]
    assert house.balances() == {f"purse:{purse.asn}": 340, "operator:haikou-bus": -340}
    assert house.invariants()["events_posted_once"]["ok"]


def test_a_free_ride_is_booked_with_nothing(house: House, bus: Device) -> None:
    assert bus.verdicts([ride(bus, house.purse(1), birth="19500101")]) == [ACCEPTED]
    assert house.balances() == {}
    assert house.invariants()["events_posted_once"] == {"ok": True, "value": {"missing": [], "unknown": []}}


def test_the_same_id_with_other_bytes_is_a_conflict(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    bus.upload([ride(bus, purse)])
    twin = Device(house, bus.device_id, bus.key, bus.terminal_no)
    assert twin.verdicts([ride(twin, purse)]) == [("conflict", "E-EVENT-CONFLICT")]
    assert house.invariants()["refusals"]["value"] == {"E-EVENT-CONFLICT": 1}


def test_one_debit_under_two_events_is_a_money_conflict(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    first = ride(bus, purse)
    purse.offline_seq -= 1
    second = ride(bus, purse)
    assert bus.verdicts([first, second]) == [ACCEPTED, ("conflict", "E-EVENT-MONEY")]
    assert bus.verdicts([second]) == [("conflict", "E-EVENT-MONEY")]
    assert house.balances()["operator:haikou-bus"] == -170


def test_a_voided_tap_leaves_the_sequence_free(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    events = [ride(bus, purse, outcome="voided"), ride(bus, purse)]
    assert bus.verdicts(events) == [ACCEPTED, ACCEPTED]
    assert house.balances()["operator:haikou-bus"] == -170


@pytest.mark.parametrize("proof, operator, purse_left", [("posted", -170, 170), ("voided", 0, 0)])
def test_an_uncertain_tap_waits_in_suspense_for_its_proof(
    house: House, bus: Device, proof: str, operator: int, purse_left: int
) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    tap = ride(bus, purse, outcome="uncertain")
    assert bus.verdicts([tap]) == [ACCEPTED]
    assert house.balances() == {f"purse:{purse.asn}": 170, "suspense:uncertain": -170}
    proven = resolution(bus, json.loads(tap), proof, purse)
    assert bus.verdicts([proven]) == [ACCEPTED]
    assert bus.verdicts([tap, proven]) == [DUPLICATE, DUPLICATE]
    balances = house.balances()
    assert balances.get("operator:haikou-bus", 0) == operator
    assert balances.get(f"purse:{purse.asn}", 0) == purse_left
    assert "suspense:uncertain" not in balances


def test_a_proof_that_arrives_first_waits_for_its_tap(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    tap = ride(bus, purse, outcome="uncertain")
    proven = resolution(bus, json.loads(tap), "posted", purse)
    answer = bus.upload([proven])
    assert answer == {"results": [{"seq": 2, "verdict": "accepted", "code": ""}], "gaps": [[1, 1]]}
    assert not house.invariants()["events_carried"]["ok"]
    assert bus.upload([tap])["gaps"] == []
    assert house.balances() == {f"purse:{purse.asn}": 170, "operator:haikou-bus": -170}
    assert house.invariants()["events_carried"]["ok"]


def test_gaps_are_reported_and_close(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 10_000
    rides = [ride(bus, purse) for _ in range(7)]
    assert bus.upload(rides[2:3])["gaps"] == [[1, 2]]
    assert bus.upload(rides[5:7])["gaps"] == [[1, 2], [4, 5]]
    assert bus.upload(rides[0:2])["gaps"] == [[4, 5]]
    assert bus.upload(rides[3:5])["gaps"] == []
    assert house.balances()["operator:haikou-bus"] == -7 * 170


def test_what_the_chain_does_not_reach_is_refused(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 10_000
    rides = [ride(bus, purse) for _ in range(3)]
    forged = json.loads(rides[0])
    forged["at"] += 1
    changed = json.dumps(forged, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    body = bus.batch([changed, *rides[1:]], first=1)
    results = house.client.post(f"{API}/events:batch", json=body).json()["results"]
    assert [row["verdict"] for row in results] == ["rejected", "accepted", "accepted"]
    assert results[0]["code"] == "E-EVENT-CHAIN"
    assert bus.verdicts(rides) == [ACCEPTED, DUPLICATE, DUPLICATE]


def test_an_event_that_does_not_follow_the_stored_one_is_suspect(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 10_000
    bus.upload([ride(bus, purse)])
    bus.prev = sm3(b"another history").hex()
    assert bus.verdicts([ride(bus, purse)]) == [("suspect", "E-EVENT-CHAIN")]


@pytest.mark.parametrize("field, value", [("signature", "00" * 64), ("epoch", "00" * 8), ("first", 2)])
def test_a_batch_with_a_wrong_signature_stores_nothing(house: House, bus: Device, field: str, value: Any) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    event = ride(bus, purse)
    body = bus.batch([event]) | {field: value}
    if field == "first":
        body["last"] = 2
    answer = house.client.post(f"{API}/events:batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "E-BATCH-SIGNATURE")
    assert house.invariants()["events_by_verdict"]["value"] == {}
    assert bus.verdicts([event]) == [ACCEPTED]


def test_another_terminals_key_does_not_sign_for_this_one(house: House, bus: Device) -> None:
    other = house.enrol("bus-2", "bus", psam_no="460000000002")
    purse = house.purse(1)
    event = ride(bus, purse, birth="19500101")
    thief = Device(house, other.device_id, other.key, bus.terminal_no)
    answer = house.client.post(f"{API}/events:batch", json=thief.batch([event]))
    assert answer.json()["code"] == "E-BATCH-SIGNATURE"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"terminal":1}',
        b'{"terminal":"460000000001","epoch":"0102030405060708","first":1,"last":1,"chain":"","events":[],"signature":""}',
    ],
)
def test_what_is_no_batch_is_refused(house: House, bus: Device, body: bytes) -> None:
    answer = house.client.post(f"{API}/events:batch", content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "E-BATCH")


def test_a_batch_over_the_limit_is_refused(house: House, bus: Device) -> None:
    body = bus.batch([ride(bus, house.purse(1), birth="19500101")])
    body["events"] = body["events"] * 1001
    assert house.client.post(f"{API}/events:batch", json=body).json()["code"] == "E-BATCH-SIZE"


@pytest.mark.parametrize(
    "change, code",
    [
        ({"tac": "00000000"}, "E-EVENT-TAC"),
        ({"tac": ""}, "E-EVENT-TAC"),
        ({"terminal_seq": 99}, "E-EVENT-TAC"),
        ({"key_version": 9}, "E-EVENT-TAC"),
        ({"asn": "4601000000000002"}, "E-EVENT-TAC"),
        ({"psam_no": "zz"}, "E-EVENT-TAC"),
        ({"balance_after": 999}, "E-EVENT-AMOUNT"),
        ({"line": "K2"}, "E-EVENT-RULE"),
    ],
)
def test_an_event_the_card_or_the_rule_does_not_support_is_suspect(
    house: House, bus: Device, change: dict[str, Any], code: str
) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    event = ride(bus, purse, **change)
    assert bus.verdicts([event]) == [("suspect", code)]
    assert bus.verdicts([event]) == [("suspect", code)]
    balances = house.balances()
    assert "operator:haikou-bus" not in balances
    assert ("suspense:suspect:haikou-bus" in balances) == (code != "E-EVENT-TAC")
    assert house.console.get("/operator/events/troubled")["events"][0]["code"] == code


@pytest.mark.parametrize(
    "raw, code",
    [
        (b"{}", "E-EVENT-FORMAT"),
        (b"not json", "E-EVENT-FORMAT"),
        (b'{"at": 1}', "E-EVENT-FORMAT"),
    ],
)
def test_bytes_that_are_no_event_are_rejected(house: House, bus: Device, raw: bytes, code: str) -> None:
    answer = house.client.post(f"{API}/events:batch", json=_signed(bus, raw)).json()
    assert answer["results"] == [{"seq": 1, "verdict": "rejected", "code": code}]


def _signed(bus: Device, raw: bytes) -> dict[str, Any]:
    chain = sm3(raw).hex()
    signature = bus.key.sign(batch_bytes(bus.terminal_no, bus.epoch, 1, 1, chain)).hex()
    return {
        "terminal": bus.terminal_no,
        "epoch": bus.epoch,
        "first": 1,
        "last": 1,
        "chain": chain,
        "events": [raw.decode()],
        "signature": signature,
    }


def test_a_foreign_event_in_a_signed_batch_is_rejected(house: House, bus: Device) -> None:
    other = house.enrol("bus-2", "bus", psam_no="460000000002")
    event = ride(other, house.purse(1), birth="19500101")
    answer = house.client.post(f"{API}/events:batch", json=_signed(bus, event)).json()
    assert answer["results"] == [{"seq": 1, "verdict": "rejected", "code": "E-EVENT-TERMINAL"}]


def test_an_unknown_type_is_rejected(house: House, bus: Device) -> None:
    event = bus.mint("ferry", {"outcome": "posted"}, {"answer": "grant"})
    assert bus.verdicts([event]) == [("rejected", "E-EVENT-TYPE")]


@pytest.mark.parametrize(
    "kind, body",
    [
        ("hotel", {"outcome": "posted"}),
        ("hotel", {}),
        ("scenic", {"outcome": "posted", "operator": 1, "site": "s", "replay_key": "k"}),
        ("bus", {"outcome": "perhaps"}),
        ("bus", {"outcome": "uncertain", "operator": "o", "line": "l", "asn": "a", "amount": "170"}),
        ("bus", {"outcome": "uncertain", "operator": "o", "line": "l", "asn": "a", "amount": 1 << 31}),
        ("resolution", {"outcome": "posted", "of": "somewhere", "operator": "o", "asn": "a", "amount": 1}),
        ("resolution", {"outcome": "voided", "of": {"terminal": "t", "epoch": "e", "seq": 0}}),
        ("load", {"outcome": "posted", "load_id": "x", "tac": "not hex!", "balance_after": 1}),
        ("load", {"outcome": "posted", "load_id": 7, "tac": "", "balance_after": 1}),
        ("load", {"outcome": "posted", "load_id": "x", "tac": "\x00", "balance_after": 1}),
    ],
)
def test_a_body_the_books_cannot_read_is_rejected_and_stops_nobody(
    house: House, bus: Device, kind: str, body: dict[str, Any]
) -> None:
    assert bus.verdicts([bus.mint(kind, body, {"answer": "grant"})]) == [("rejected", "E-EVENT-BODY")]
    assert bus.verdicts([bus.mint("kiosk", {"outcome": "none"}, {"answer": "deny"})]) == [ACCEPTED]
    assert house.invariants()["events_carried"]["ok"]


def test_the_registry_knows_the_birth_date_better(house: House, bus: Device) -> None:
    town = Town(house)
    town.person(1, birth="19500101")
    town.card(1)
    purse = house.purse(1)
    purse.balance = 1000
    assert bus.verdicts([ride(bus, purse)]) == [ACCEPTED]
    trouble = house.console.get("/operator/events/troubled")["events"]
    assert [row["difference"] for row in trouble] == ["fare 170 charged, 0 by the registry"]


def test_a_new_epoch_begins_its_own_count(house: House, bus: Device) -> None:
    purse = house.purse(1)
    purse.balance = 1000
    bus.upload([ride(bus, purse)])
    bus.epoch, bus.seq, bus.prev = "ff" * 8, 0, ""
    answer = bus.upload([ride(bus, purse)])
    assert (answer["results"][0]["verdict"], answer["gaps"]) == ("accepted", [])
