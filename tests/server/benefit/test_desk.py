"""The payment desk over HTTP: a run from the item to reconciliation, refusals in both languages, the holder's page."""

from typing import Any

import pytest

from card.domain.clock import to_ms
from server.main import API
from tests.server.house import House
from tests.server.parish import FEN, Parish

DESK = "/operator/benefit"


@pytest.fixture
def parish(house: House) -> Parish:
    found = Parish(house)
    house.context.connectors.banks["102"] = found.bank  # type: ignore[index]
    return found


def roll(parish: Parish, *numbers: int) -> dict[str, Any]:
    entries = [{"id_no": parish.names[n][1], "name": parish.names[n][0], "fen": FEN} for n in numbers]
    return {
        "actor": "a",
        "programme": "ELDER",
        "period": "202611",
        "count": len(entries),
        "total_fen": FEN * len(entries),
        "entries": entries,
    }


def test_a_run_from_roll_to_reconciliation(parish: Parish, house: House) -> None:
    for number in (1, 2, 3):
        parish.citizen(number)
    accounts = [card["account"] for card in parish.town.cards.values()]
    parish.bank.plant(accounts[0], "closed")
    parish.bank.plant(accounts[1], "timeout")
    desk = house.console
    batch_no = desk.post(f"{DESK}/batches", roll(parish, 1, 2, 3, 3))["batch_no"]
    parish.send(batch_no)
    lines = desk.get(f"{DESK}/batches/{batch_no}/lines")["lines"]
    assert [(line["state"], line["rule"] or line["code"]) for line in lines] == [
        ("FAILED", "P104"),
        ("UNKNOWN", "P116"),
        ("PAID", "P000"),
        ("BLOCKED", "PV06"),
    ]
    found = desk.post(f"{DESK}/batches/{batch_no}:reconcile", {"first": "20261123"})["differences"]
    assert [item["kind"] for item in found] == ["R-DIFF-MISSING-RET"]
    assert desk.post(f"{DESK}/queries", {})["lines"] == {lines[1]["e2e_id"]: "PAID"}
    parish.bank.mend(accounts[0])
    correction = {"e2e_id": lines[0]["e2e_id"], "evidence": "letter 9", "confirmed": True}
    repay_no = desk.post(f"{DESK}/repays", {"actor": "a", "corrections": [correction]})["batch_no"]
    parish.send(repay_no)
    for number in (batch_no, repay_no):
        assert desk.post(f"{DESK}/batches/{number}:reconcile", {"first": "20261123"})["differences"] == []
    views = desk.get(f"{DESK}/batches")["batches"]
    assert [(view["batch_no"], view["state"]) for view in views] == [(batch_no, "RECONCILED"), (repay_no, "RECONCILED")]
    assert views[0]["people"] == {"prepared": "a", "checked": "b", "approved": "c", "released": "d"}
    assert house.balances("treasury:") == {"treasury:ELDER": -3 * FEN}


def test_a_file_from_outside_is_refused_by_name_and_explained(parish: Parish, house: House) -> None:
    parish.citizen(1)
    batch_no = parish.pay("202611", 1)
    ((_name, raw),) = parish.bank.collect()
    spoiled = raw.replace(b"200.00", b"200.0")
    answer = house.console.post(f"{DESK}/returns", {"name": "银行 回盘.txt", "raw": spoiled.hex(), "bank": "102"})
    assert (answer["accepted"], answer["name"], answer["fault"]) == (False, "银行 回盘.txt", "E-RET-FIELD")
    assert answer["line"] == 1 and "two decimals" in answer["why"]
    assert answer["message_zh"] and answer["next_step_en"]
    nobody = house.console.post(f"{DESK}/returns", {"name": "x.bin", "raw": "00ff", "bank": ""})
    assert nobody["fault"] == "E-RET-LAYOUT" and nobody["bank"] == ""
    again = house.console.post(f"{DESK}/returns", {"name": "again", "raw": raw.hex()})
    assert again["accepted"] and again["repeated"] and again["changed"] == {}
    assert parish.rules(batch_no) == [("PAID", "")]


def test_refusals_are_problems_with_a_next_step(parish: Parish, house: House) -> None:
    parish.citizen(1)
    desk = house.console
    wrong = desk.call("POST", f"{DESK}/batches", roll(parish, 1) | {"count": 2})
    assert (wrong.status, wrong.body["code"]) == (409, "E-BENEFIT-ROLL") and wrong.body["next_step_zh"]
    batch_no = desk.post(f"{DESK}/batches", roll(parish, 1))["batch_no"]
    desk.post(f"{DESK}/batches/{batch_no}:publicize", {"actor": "a", "on": "20261101", "proof": "x"})
    same = desk.call("POST", f"{DESK}/batches/{batch_no}:check", {"actor": "a"})
    assert same.body["code"] == "E-SOD" and same.body["message_zh"]
    early = desk.call("POST", f"{DESK}/batches/{batch_no}:release", {"actor": "d"})
    assert early.body["code"] == "E-BENEFIT-STATE"
    assert (
        desk.call("POST", f"{DESK}/batches/PB000000000000:check", {"actor": "b"}).body["code"] == "E-BENEFIT-NOT-FOUND"
    )
    assert desk.call("POST", f"{DESK}/batches", roll(parish, 1) | {"period": "2026-11"}).status == 422


def test_only_a_console_may_pay(parish: Parish, house: House) -> None:
    parish.citizen(1)
    kiosk = house.enrol("kiosk-1", "kiosk")
    assert kiosk.call("POST", f"{DESK}/batches", roll(parish, 1)).body["code"] == "E-DEVICE-KIND"
    assert house.client.post(f"{API}{DESK}/batches", json=roll(parish, 1)).status_code == 401


def test_the_holders_page_says_what_came_and_what_did_not(parish: Parish, house: House) -> None:
    card_id = parish.citizen(1)
    parish.pay("202610", 1)
    parish.bank.plant(parish.town.cards[card_id]["account"], "closed")
    parish.pay("202611", 1)
    kiosk = house.enrol("kiosk-1", "kiosk")
    now = to_ms(house.clock.now())
    page = kiosk.post("/kiosk/statements", {"card_id": card_id, "pin_verified_at": now})
    told = [(line["amount"], line["why_zh"]) for line in page["lines"] if line["kind"] == "benefit"]
    assert [amount for amount, _why in told] == [FEN, 0]
    assert "高龄津贴 2026-10" in told[0][1] and "已销户" in told[1][1]
