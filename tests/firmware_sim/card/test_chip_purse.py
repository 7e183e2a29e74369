"""The purse's refusals and what ends a transaction under way."""

import pytest

from firmware_sim.card.cos import Card
from tests.firmware_sim.chips import EP, KEY, SSSE, finished_values, powered, put_key, put_purse, say, select

TERMINAL = "460100000001"
PURCHASE = f"805001020B0100000064{TERMINAL}"
CAPP = f"805003020B0100000064{TERMINAL}"
LOAD = f"805000020B0100000064{TERMINAL}"
DEBIT = "805401000F" + "00000001" + "20260115083000" + "00000000"
TRIP = "80DC00F030" + "00" * 48


@pytest.fixture
def card() -> Card:
    values = finished_values()
    put_purse(values, 500)
    card = powered(values)
    select(card, EP)
    return card


def purse_with(balance: int, online: int = 0, offline: int = 0) -> Card:
    values = finished_values()
    put_purse(values, balance, online, offline)
    card = powered(values)
    select(card, EP)
    return card


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (f"805001020B02 00000064{TERMINAL}", "9403"),
        (f"805000020B02 00000064{TERMINAL}", "9403"),
        (f"805003020B01 000001F5{TERMINAL}", "9401"),
        (f"805000020B01 00018697{TERMINAL}", "6985"),  # above the declared limit of 100000 fen
        (f"805001010B01 00000064{TERMINAL}", "6A86"),  # a deposit, which this card has not
        (f"805007020B01 00000064{TERMINAL}", "6A86"),
        ("8050010205 0100000064", "6700"),
        (DEBIT, "6985"),
        ("805200000B" + "00" * 11, "6985"),
        (TRIP, "6985"),
        ("805A0009020001", "9406"),
        ("805A0109020001", "6A86"),
        ("805C000104", "6A86"),
        ("805C000205", "6C04"),
        ("805402000F" + "00" * 15, "6A86"),
    ],
)
def test_refusals(card: Card, command: str, sw: str) -> None:
    assert say(card, command) == sw


def test_counters_stop_at_their_top() -> None:
    assert say(purse_with(500, offline=0xFFFF), PURCHASE) == "9402"
    assert say(purse_with(500, online=0xFFFF), LOAD) == "9402"


def test_balances(card: Card) -> None:
    assert say(card, "805C000204") == "000001F49000"
    assert say(card, "805C040204") == "000186A09000"
    assert say(card, "805C050210") == "000001F4000186A000000000000000009000"


@pytest.mark.parametrize("between", [f"00A404000F{SSSE}", f"00A4040008{EP}", LOAD])
def test_another_selection_or_start_ends_the_transaction(card: Card, between: str) -> None:
    assert say(card, CAPP).endswith("9000")
    say(card, between)
    select(card, EP) if SSSE in between else None
    assert say(card, DEBIT) == "6985"


def test_reset_ends_the_transaction(card: Card) -> None:
    say(card, CAPP)
    card.power_on()
    select(card, EP)
    assert say(card, DEBIT) == "6985"


def test_wrong_mac_ends_the_transaction_and_keeps_the_sequence(card: Card) -> None:
    first = say(card, CAPP)
    assert say(card, DEBIT) == "9302"
    assert say(card, DEBIT) == "6985"
    assert say(card, CAPP)[8:12] == first[8:12]


def test_trip_records_only_inside_a_compound_purchase(card: Card) -> None:
    say(card, PURCHASE)
    assert say(card, TRIP) == "6985"
    say(card, CAPP)
    assert say(card, "80DC00C017" + "00" * 23) == "6982"
    assert say(card, "80DC00F02F" + "00" * 47) == "6700"
    assert say(card, "80DC00A801AA") == "6A82"
    assert say(card, TRIP) == "9000"


def test_key_version_of_the_answer_is_the_newest_one() -> None:
    values = finished_values()
    put_purse(values, 500)
    put_key(values, "EP", 0x09, 1, KEY, version=3)
    card = powered(values)
    select(card, EP)
    assert say(card, PURCHASE)[18:20] == "03"
