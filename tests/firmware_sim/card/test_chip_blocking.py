"""APPLICATION BLOCK, UNBLOCK and CARD BLOCK under their MACs."""

import pytest

from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, KEY, SSSE, finished_values, powered, say, select


@pytest.fixture
def card() -> Card:
    return powered(finished_values())


def under_mac(card: Card, head: str, key: bytes = KEY) -> str:
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    raw = bytes.fromhex(head + "04")
    return say(card, (raw + oracle.retail(key, raw, challenge + bytes(4))).hex())


def test_a_blocked_purse_answers_nothing_until_unblocked(card: Card) -> None:
    select(card, EP)
    assert under_mac(card, "841E0000", bytes(range(16))) == "6988"
    assert under_mac(card, "841E0000") == "9000"
    assert say(card, "805C000204") == "6985"
    assert select(card, EP) == "6283"
    assert say(card, "805C000204") == "6985"
    assert select(card, SSSE).endswith("9000")
    assert say(card, "00B2072C0B").endswith("9000")
    select(card, EP)
    assert under_mac(card, "84180000") == "9000"
    assert under_mac(card, "84180000") == "6985"
    assert say(card, "805C000204").endswith("9000")


def test_a_block_for_ever_is_for_ever(card: Card) -> None:
    select(card, EP)
    assert under_mac(card, "841E0001") == "9000"
    assert say(card, "805C000204") == "9303"
    card.power_on()
    assert select(card, EP) == "6283"
    assert under_mac(card, "84180000") == "9303"


def test_a_blocked_card_is_mute_about_everything(card: Card) -> None:
    select(card, SSSE)
    assert under_mac(card, "84160000") == "6985"
    say(card, "00A40000023F00")
    assert under_mac(card, "84160000") == "9000"
    card.power_on()
    assert select(card, SSSE) == "6A81"
    assert say(card, "0084000008") == "6A81"


def test_parameters_are_checked(card: Card) -> None:
    select(card, EP)
    assert say(card, "841E000204 00000000") == "6A86"
    assert say(card, "841E0000") == "6700"
    assert say(card, "8418000104 00000000") == "6A86"
    assert say(card, "8416010004 00000000") == "6A86"
