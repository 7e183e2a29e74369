"""Unloads at the server: nothing without the card's word, nothing twice; a later MAC1 settles what was silent."""

from dataclasses import dataclass
from typing import Any

import pytest

from keys import tac
from keys.tac import TYPE_UNLOAD, Moment
from tests.server.house import ISSUER, Device, House, Purse
from tests.server.roads import Town


@dataclass
class Couple:
    """An old and a new purse of one person; the old one's book holds 5,000 fen."""

    town: Town
    old_id: str
    old: Purse
    new: Purse


@pytest.fixture
def counter(house: House) -> Device:
    return house.enrol("counter-1", "counter")


@pytest.fixture
def couple(house: House, counter: Device) -> Couple:
    town = Town(house)
    town.person(1)
    old_id = town.card(1)
    town.card(2, owner=1, supersedes=old_id)
    made = Couple(town, old_id, house.purse(1), house.purse(2))
    wish = made.old.load_wish(5000, counter.terminal_no)
    answer = counter.post("/purse/loads", wish)
    counter.post(f"/purse/loads/{answer['load_id']}:finish", made.old.credit(wish, answer))
    return made


def _unload(purse: Purse, heir: Purse, amount: int, terminal_no: str) -> dict[str, Any]:
    purse.random += 1
    card_random = purse.random.to_bytes(4, "big")
    session = tac.load_session_key(purse.keys["DULK"].reveal(), card_random, purse.online_seq)
    data = tac.load_mac1_input(purse.balance, amount, TYPE_UNLOAD, bytes.fromhex(terminal_no))
    return {
        "asn": purse.asn,
        "issuer": ISSUER,
        "heir": heir.asn,
        "online_seq": purse.online_seq,
        "card_random": card_random.hex(),
        "amount": amount,
        "balance": purse.balance,
        "key_version": 1,
        "algorithm": 0,
        "mac1": tac.purse_mac(session, data).hex(),
        "terminal_no": terminal_no,
    }


def _debit(purse: Purse, wish: dict[str, Any], answer: dict[str, Any]) -> str:
    """What the chip does with 8054 03: let the money go and attest it."""
    purse.balance -= wish["amount"]
    session = tac.load_session_key(purse.keys["DULK"].reveal(), bytes.fromhex(wish["card_random"]), wish["online_seq"])
    moment, terminal = Moment.from_digits(answer["date"], answer["time"]), bytes.fromhex(wish["terminal_no"])
    data = tac.unload_mac3_input(purse.balance, wish["online_seq"], wish["amount"], TYPE_UNLOAD, terminal, moment)
    purse.online_seq += 1
    return tac.purse_mac(session, data).hex()


def test_unloaded_money_waits_for_the_heir_and_is_loaded_there(house: House, counter: Device, couple: Couple) -> None:
    wish = _unload(couple.old, couple.new, 5000, counter.terminal_no)
    answer = counter.post("/purse/unloads", wish)
    before = house.balances()
    assert before[f"purse:{couple.old.asn}"] == -5000, "nothing is booked before the card has spoken"
    mac3 = _debit(couple.old, wish, answer)
    for _ in range(2):
        ended = counter.post(f"/purse/unloads/{answer['unload_id']}:finish", {"mac3": mac3})
        assert ended == {"state": "posted"}
    assert house.balances()[f"suspense:transfer:{couple.new.asn}"] == -5000
    assert counter.post("/purse/credits", {"asn": couple.new.asn})["amount"] == 5000
    load = couple.new.load_wish(5000, counter.terminal_no, funding="lost_card")
    begun = counter.post("/purse/loads", load)
    counter.post(f"/purse/loads/{begun['load_id']}:finish", couple.new.credit(load, begun))
    assert house.balances("purse:") == {f"purse:{couple.new.asn}": -5000}
    assert all(entry["ok"] for entry in house.invariants().values())


def test_the_same_card_answer_is_the_same_unload(counter: Device, couple: Couple) -> None:
    wish = _unload(couple.old, couple.new, 5000, counter.terminal_no)
    assert counter.post("/purse/unloads", wish) == counter.post("/purse/unloads", wish)
    changed = counter.call("POST", "/purse/unloads", wish | {"amount": 4000})
    assert (changed.status, changed.body["code"]) == (409, "E-UNLOAD-STATE")


def test_a_card_that_lies_about_its_balance_or_its_debit_is_refused(counter: Device, couple: Couple) -> None:
    wish = _unload(couple.old, couple.new, 5000, counter.terminal_no)
    lied = counter.call("POST", "/purse/unloads", wish | {"balance": 6000})
    assert lied.body["code"] == "E-LOAD-MAC1"
    answer = counter.post("/purse/unloads", wish)
    forged = counter.call("POST", f"/purse/unloads/{answer['unload_id']}:finish", {"mac3": "00000000"})
    assert forged.body["code"] == "E-TAC"


@pytest.mark.parametrize("change", [{"heir": "4601000000000009"}, {"terminal_no": "000000000001"}])
def test_a_stranger_does_not_inherit(counter: Device, couple: Couple, change: dict[str, str]) -> None:
    wish = _unload(couple.old, couple.new, 5000, counter.terminal_no) | change
    assert counter.call("POST", "/purse/unloads", wish).body["code"] in ("E-UNLOAD-HEIR", "E-UNLOAD-TERMINAL")


def test_another_persons_purse_does_not_inherit(house: House, counter: Device, couple: Couple) -> None:
    couple.town.person(3)
    couple.town.card(3)
    wish = _unload(couple.old, house.purse(3), 5000, counter.terminal_no)
    assert counter.call("POST", "/purse/unloads", wish).body["code"] == "E-UNLOAD-HEIR"


def test_an_unmoved_sequence_voids_and_the_next_mac1_settles_the_silent_one(
    house: House, counter: Device, couple: Couple
) -> None:
    first = counter.post("/purse/unloads", _unload(couple.old, couple.new, 5000, counter.terminal_no))
    unmoved = {"mac3": "", "online_seq_after": couple.old.online_seq}
    assert counter.post(f"/purse/unloads/{first['unload_id']}:finish", unmoved) == {"state": "voided"}
    wish = _unload(couple.old, couple.new, 3000, counter.terminal_no)
    answer = counter.post("/purse/unloads", wish)
    _debit(couple.old, wish, answer)  # and the terminal never says so
    probe = _unload(couple.old, couple.new, 0, counter.terminal_no)
    counter.post("/purse/unloads", probe)
    assert house.balances()[f"suspense:transfer:{couple.new.asn}"] == -3000
    late = counter.call("POST", f"/purse/unloads/{answer['unload_id']}:finish", unmoved | {"online_seq_after": 2})
    assert late.body.get("code") == "E-UNLOAD-STATE" or late.body == {"state": "posted"}


def test_a_replaced_card_gives_its_frozen_rest_and_takes_back_only_that(
    house: House, counter: Device, couple: Couple
) -> None:
    couple.town.change(couple.old_id, status="9", reason="replaced")
    assert house.balances()[f"suspense:lost:{couple.old.asn}"] == -5000
    strange = couple.old.load_wish(100, counter.terminal_no, funding="lost_card")
    assert counter.call("POST", "/purse/loads", strange).body["code"] == "E-PURSE-BLOCKED"
    _through(counter, couple.old, couple.new, 5000)
    assert house.balances("purse:") == {f"purse:{couple.new.asn}": -5000}
    _through(counter, couple.new, couple.old, 5000)
    assert house.balances()[f"suspense:lost:{couple.old.asn}"] == -5000
    assert couple.old.balance == 5000


def _through(counter: Device, source: Purse, target: Purse, amount: int) -> None:
    wish = _unload(source, target, amount, counter.terminal_no)
    answer = counter.post("/purse/unloads", wish)
    counter.post(f"/purse/unloads/{answer['unload_id']}:finish", {"mac3": _debit(source, wish, answer)})
    load = target.load_wish(amount, counter.terminal_no, funding="lost_card")
    begun = counter.post("/purse/loads", load)
    counter.post(f"/purse/loads/{begun['load_id']}:finish", target.credit(load, begun))
