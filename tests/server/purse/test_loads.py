"""Purse loads: MAC1, pending money, TAC, doubt, and at most one posted load per online sequence. Both engines."""

from typing import Any

import pytest

from keys import tac
from tests.server.house import Device, House, Purse
from tests.server.roads import Town, ride


@pytest.fixture
def kiosk(house: House) -> Device:
    return house.enrol("kiosk-1", "kiosk")


@pytest.fixture
def purse(house: House) -> Purse:
    town = Town(house)
    town.person(1)
    town.card(1)
    return house.purse(1)


def finish(kiosk: Device, load_id: str, body: dict[str, object]) -> Any:
    return kiosk.call("POST", f"/purse/loads/{load_id}:finish", body)


def test_a_load_is_held_then_posted_on_the_cards_word(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    assert (answer["date"], answer["time"]) == ("20261123", "083000")
    assert house.balances() == {"bank:102": 5000, "suspense:load": -5000}
    done = purse.credit(wish, answer)
    for _ in range(2):
        assert finish(kiosk, answer["load_id"], done).body == {"state": "posted"}
    assert house.balances() == {"bank:102": 5000, f"purse:{purse.asn}": -5000}


def test_mac2_is_what_the_card_expects(house: House, kiosk: Device, purse: Purse) -> None:
    """Independent of the server's path: the formula on the card's own load key."""
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    session = tac.load_session_key(purse.keys["DLK"].reveal(), bytes.fromhex(str(wish["card_random"])), 1)
    moment = tac.Moment.from_digits(answer["date"], answer["time"])
    data = tac.load_mac2_input(5000, tac.TYPE_LOAD, bytes.fromhex(kiosk.terminal_no), moment)
    assert answer["mac2"] == tac.purse_mac(session, data).hex()


def test_the_same_card_answer_is_the_same_load(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    first = kiosk.post("/purse/loads", wish)
    house.clock.advance(30)
    assert kiosk.post("/purse/loads", wish) == first
    assert house.balances()["bank:102"] == 5000
    changed = kiosk.call("POST", "/purse/loads", wish | {"amount": 6000})
    assert (changed.status, changed.body["code"]) == (409, "E-LOAD-STATE")


def test_a_broken_load_and_the_next_share_a_sequence_and_one_is_posted(
    house: House, kiosk: Device, purse: Purse
) -> None:
    broken = kiosk.post("/purse/loads", purse.load_wish(5000, kiosk.terminal_no))
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    assert house.balances() == {"bank:102": 5000, "suspense:load": -5000}
    done = purse.credit(wish, answer)
    assert finish(kiosk, answer["load_id"], done).body == {"state": "posted"}
    late = finish(kiosk, broken["load_id"], done)
    assert late.status in (409, 422)
    assert house.balances() == {"bank:102": 5000, f"purse:{purse.asn}": -5000}


@pytest.mark.parametrize(
    "change, code",
    [
        ({"mac1": "00000000"}, "E-LOAD-MAC1"),
        ({"balance": 1}, "E-LOAD-MAC1"),
        ({"amount": 5001}, "E-LOAD-MAC1"),
        ({"asn": "4601000000000099"}, "E-PURSE-UNKNOWN"),
        ({"terminal_no": "000000000001"}, "E-LOAD-TERMINAL"),
        ({"funding": "lost_card"}, "E-LOAD-FUNDS"),
        ({"amount": 0}, "E-REQUEST"),
        ({"amount": -5}, "E-REQUEST"),
        ({"funding": "gift"}, "E-REQUEST"),
    ],
)
def test_a_load_that_does_not_hold_moves_nothing(
    house: House, kiosk: Device, purse: Purse, change: dict[str, object], code: str
) -> None:
    reply = kiosk.call("POST", "/purse/loads", purse.load_wish(5000, kiosk.terminal_no) | change)
    assert reply.body["code"] == code
    assert house.balances() == {}


def test_a_wrong_tac_leaves_the_load_pending(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    done = purse.credit(wish, answer)
    reply = finish(kiosk, answer["load_id"], done | {"tac": "12345678"})
    assert (reply.status, reply.body["code"]) == (422, "E-TAC")
    assert house.balances()["suspense:load"] == -5000
    assert finish(kiosk, answer["load_id"], done | {"result": "proof"}).body == {"state": "posted"}


def test_an_unmoved_sequence_gives_the_money_back(house: House, kiosk: Device, purse: Purse) -> None:
    answer = kiosk.post("/purse/loads", purse.load_wish(5000, kiosk.terminal_no))
    back = {"result": "not_credited", "online_seq_after": 1}
    assert finish(kiosk, answer["load_id"], back).body == {"state": "voided"}
    assert finish(kiosk, answer["load_id"], back).body == {"state": "voided"}
    assert house.balances() == {}


def test_a_moved_sequence_without_proof_stays_uncertain(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    done = purse.credit(wish, answer)
    reply = finish(kiosk, answer["load_id"], {"result": "not_credited", "online_seq_after": 2})
    assert reply.body == {"state": "uncertain"}
    assert house.balances()["suspense:load"] == -5000
    assert finish(kiosk, answer["load_id"], done).body == {"state": "posted"}


def test_silence_is_asked_about_once(house: House, kiosk: Device, purse: Purse) -> None:
    beat = {"facts": {}, "pending": 0, "oldest_pending_at": 0, "clock_ms": 0}
    answer = kiosk.post("/purse/loads", purse.load_wish(5000, kiosk.terminal_no))
    kiosk.post("/heartbeat", beat)
    assert kiosk.get("/notices?after=0")["notices"] == []
    house.clock.advance(121)
    for _ in range(2):
        kiosk.post("/heartbeat", beat)
    notices = kiosk.get("/notices?after=0")["notices"]
    assert [(n["position"], n["kind"], n["body"]["load_id"]) for n in notices] == [
        (1, "load_proof_wanted", answer["load_id"])
    ]
    assert kiosk.get("/notices?after=1")["notices"] == []


def test_a_load_event_finishes_what_the_line_lost(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    done = purse.credit(wish, answer)
    body = {
        "outcome": "posted",
        "asn": purse.asn,
        "load_id": answer["load_id"],
        "tac": done["tac"],
        "balance_after": 5000,
    }
    event = kiosk.mint("load", body, {"answer": "grant"})
    assert kiosk.verdicts([event]) == [("accepted", "")]
    assert house.balances() == {"bank:102": 5000, f"purse:{purse.asn}": -5000}


def test_unknown_loads_and_other_kinds_of_device_are_refused(house: House, kiosk: Device, purse: Purse) -> None:
    assert finish(kiosk, "00" * 16, {"result": "tac", "tac": "00000000"}).body["code"] == "E-LOAD-UNKNOWN"
    bus = house.enrol("bus-1", "bus")
    reply = bus.call("POST", "/purse/loads", purse.load_wish(5000, bus.terminal_no))
    assert (reply.status, reply.body["code"]) == (403, "E-DEVICE-KIND")


def test_the_holder_sees_what_was_paid_and_why_and_who_looked(house: House, kiosk: Device, purse: Purse) -> None:
    wish = purse.load_wish(5000, kiosk.terminal_no)
    answer = kiosk.post("/purse/loads", wish)
    finish(kiosk, answer["load_id"], purse.credit(wish, answer))
    bus = house.enrol("bus-1", "bus", psam_no="460000000001")
    bus.upload([ride(bus, purse)])
    form = {"card_id": f"460100d156000005{1:08x}00000000", "pin_verified_at": house.context.now_ms()}
    page = kiosk.post("/kiosk/statements", form)
    assert (page["name_masked"], page["purse_book_balance"]) == ("陈*", 4830)
    assert [(line["kind"], line["amount"], line["why_zh"]) for line in page["lines"]] == [
        ("load", 5000, "充值到账"),
        ("bus", -170, "乘车 K1 持卡优惠票"),
    ]
    uses = kiosk.post("/kiosk/uses", form)["uses"]
    assert [(use["actor"], use["action"]) for use in uses] == [
        ("kiosk-1", "read"),
        ("kiosk-1", "read"),
        ("460000000001", "bus"),
        ("kiosk-1", "load"),
    ]
    stale = kiosk.call("POST", "/kiosk/statements", form | {"pin_verified_at": form["pin_verified_at"] - 300_001})
    assert stale.body["code"] == "E-PIN-STALE"
