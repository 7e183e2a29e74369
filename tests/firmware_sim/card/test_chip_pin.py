"""PIN counters against wrong guesses, power cuts and the PUK."""

import pytest

from firmware_sim.card import memory
from firmware_sim.card.cos import Card
from firmware_sim.card.faults import Fault, PowerLostError
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import KEY, SSSE, finished_values, powered, say, select

RIGHT, WRONG = "0020000003123456", "0020000003000000"


@pytest.fixture
def card() -> Card:
    card = powered(finished_values())
    select(card, SSSE)
    return card


def test_status_without_data_costs_nothing(card: Card) -> None:
    assert say(card, "00200000") == "63C6"
    assert say(card, WRONG) == "63C5"
    assert say(card, "00200000") == "63C5"
    assert say(card, RIGHT) == "9000"
    assert say(card, "00200000") == "63C6"


def test_a_guess_is_counted_even_when_the_power_goes(card: Card) -> None:
    """The classic attack: cut the power when the answer would be no."""
    for _ in range(6):
        card.nv.faults.arm(Fault("tear_after_write", 0x20))
        with pytest.raises(PowerLostError):
            say(card, WRONG)
        card.power_on()
        select(card, SSSE)
    assert say(card, RIGHT) == "6983"


def test_length_and_parameters(card: Card) -> None:
    assert say(card, "002000000112") == "6700"
    assert say(card, "00200000071234567890AAAA") == "6700"
    assert say(card, "0020000103123456") == "6A86"
    say(card, "00A40000023F00")
    assert say(card, RIGHT) == "6A88"


def test_change_needs_the_old_pin_and_a_good_new_one(card: Card) -> None:
    assert say(card, "805E010007000000FF654321") == "63C5"
    assert say(card, "805E010007123456FF65432F") == "6A80"
    assert say(card, "805E010006123456FF6543") == "6A80"
    assert say(card, "805E01000412345665") == "6700"
    assert say(card, "805E010007123456FF654321") == "9000"
    assert say(card, RIGHT) == "63C5"
    assert say(card, "0020000003654321") == "9000"


def test_puk_fills_the_tries_and_keeps_the_pin(card: Card) -> None:
    for _ in range(6):
        say(card, WRONG)
    assert say(card, RIGHT) == "6983"
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    head = bytes.fromhex("8424000004")
    assert say(card, (head + oracle.retail(KEY, head, challenge + bytes(4))).hex()) == "9000"
    assert say(card, RIGHT) == "9000"


def test_wrong_puks_lock_the_puk(card: Card) -> None:
    seen = []
    for _ in range(4):
        say(card, "0084000004")
        seen.append(say(card, "842400000400000000"))
    assert seen == ["63C2", "63C1", "63C0", "6983"]


def reload(card: Card, clear: str, key: bytes = KEY) -> str:
    hidden = oracle.tdes(KEY, bytes.fromhex(clear).ljust(8, b"\0"))
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    head = bytes.fromhex("84D400000C") + hidden
    return say(card, (head + oracle.retail(key, head, challenge + bytes(4))).hex())


def test_reload_gives_a_forgotten_pin_back(card: Card) -> None:
    for _ in range(6):
        say(card, WRONG)
    assert reload(card, "0377777780") == "9000"
    assert say(card, "0020000003777777") == "9000"
    assert reload(card, "03AA777780") == "6A80"
    assert reload(card, "0277777780") == "6A80"
    assert reload(card, "0377777780", bytes(range(16))) == "63C2"
    assert say(card, "0020000003777777") == "9000"


def test_changed_pin_is_torn_whole(card: Card) -> None:
    card.nv.faults.arm(Fault("tear_before_write", 0x5E, nth=3))
    with pytest.raises(PowerLostError):
        say(card, "805E010007123456FF654321")
    card.power_on()
    select(card, SSSE)
    assert say(card, RIGHT) == "9000"
    assert card.nv.get(memory.PIN_IS_INITIAL) == b"\0"
