"""A whole chip driven through the published and the golden transactions, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, KEY, Scripted, finished_values, powered, put_purse, say, select

CASES = json.loads((Path(__file__).parents[2] / "vectors/chip_purse.json").read_text("utf-8"))["cases"]


def chip(case: dict[str, Any]) -> Card:
    key = bytes.fromhex(case["key"])
    values = finished_values(dlk=key, dpk=key, dtk=bytes.fromhex(case.get("dtk", KEY.hex())))
    put_purse(values, case["balance"], case["sequence"], case["sequence"])
    card = powered(values, Scripted(bytes.fromhex(case["random"])))
    select(card, EP)
    return card


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] != "load"], ids=lambda case: case["name"])
def test_purchase(case: dict[str, Any]) -> None:
    card = chip(case)
    p1 = {"purchase": "01", "capp": "03"}[case["kind"]]
    init = say(card, f"8050{p1}020B 01{case['amount']:08X}{case['terminal']}0F")
    assert init == f"{case['balance']:08X}{case['sequence']:04X}0000000100{case['random']}9000"
    answer = say(card, f"805401000F{case['terminal_sequence']:08X}{case['at']}{case['mac1']}08")
    assert answer[8:16] == case["expect"]["mac2"]
    if "tac" in case["expect"]:
        assert answer[:8] == case["expect"]["tac"]
    if case["origin"] == "own":
        kind = {"purchase": 6, "capp": 9}[case["kind"]]
        data = bytes.fromhex(
            f"{case['amount']:08X}{kind:02X}{case['terminal']}{case['terminal_sequence']:08X}{case['at']}"
        )
        assert oracle.tac(bytes.fromhex(case["dtk"]), data).hex().upper() == case["expect"]["tac"]
    assert say(card, "805C000204") == f"{case['balance'] - case['amount']:08X}9000"
    assert say(card, "00B201C417").startswith(f"{case['sequence']:04X}000000{case['amount']:08X}")


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "load"], ids=lambda case: case["name"])
def test_load(case: dict[str, Any]) -> None:
    card = chip(case)
    init = say(card, f"805000020B01{case['amount']:08X}{case['terminal']}10")
    mac1 = case["expect"]["mac1"]
    assert init == f"{case['balance']:08X}{case['sequence']:04X}0100{case['random']}{mac1}9000"
    answer = say(card, f"805200000B{case['at']}{case['mac2']}04")
    assert answer == case["expect"]["tac"] + "9000"
    session = oracle.tdes(bytes.fromhex(case["key"]), bytes.fromhex(f"{case['random']}{case['sequence']:04X}8000"))
    first = bytes.fromhex(f"{case['balance']:08X}{case['amount']:08X}02{case['terminal']}")
    assert oracle.mac(session, first).hex().upper() == mac1
    after = case["balance"] + case["amount"]
    covered = bytes.fromhex(f"{after:08X}{case['sequence']:04X}{case['amount']:08X}02{case['terminal']}{case['at']}")
    assert oracle.tac(bytes.fromhex(case["dtk"]), covered).hex().upper() == case["expect"]["tac"]
    assert say(card, "805C000204") == f"{after:08X}9000"


@pytest.mark.parametrize("change", ["amount", "terminal_sequence"])
def test_one_off_is_refused(change: str) -> None:
    case = dict(CASES[2])
    case[change] += 1
    card = chip(case)
    say(card, f"805003020B01{case['amount']:08X}{case['terminal']}0F")
    answer = say(card, f"805401000F{case['terminal_sequence']:08X}{case['at']}{case['mac1']}08")
    assert answer == "9302"
    assert say(card, "805C000204") == f"{case['balance']:08X}9000"
