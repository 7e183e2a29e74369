"""Key versions, challenges, and where keys are looked for."""

import pytest

from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import KEY, SSSE, finished_values, powered, put_key, say, select

NEWER = bytes(range(16))
FACTOR, ORIGINAL = b"factor 8", b"original"


@pytest.fixture
def card() -> Card:
    values = finished_values()
    put_key(values, "SSSE", 0x0E, 0, NEWER, version=2)
    put_key(values, "SSSE", 0x0D, 4, NEWER, version=2)
    card = powered(values)
    select(card, SSSE)
    return card


def answer_of(key: bytes, process: bytes = FACTOR) -> str:
    return oracle.des(oracle.tdes(key, process), ORIGINAL).hex().upper()


def test_internal_authentication_by_version(card: Card) -> None:
    data = (FACTOR + ORIGINAL).hex()
    assert say(card, f"0088000010{data}") == answer_of(KEY) + "9000"
    assert say(card, f"0088000011{data}01") == answer_of(KEY) + "9000"
    assert say(card, f"0088000011{data}02") == answer_of(NEWER) + "9000"
    assert say(card, f"0088000011{data}07") == "6A88"
    assert say(card, f"0088000110{data}") == "6A88"
    say(card, "00A4000002DF01")
    assert say(card, f"0088000010{data}") == answer_of(KEY) + "9000"
    say(card, "00A40000023F00")
    assert say(card, f"0088000010{data}") == "6A88"


def test_external_authentication_by_version(card: Card) -> None:
    for key, version, sw in ((NEWER, "02", "9000"), (KEY, "01", "9000"), (KEY, "", "9000"), (NEWER, "", "63C2")):
        challenge = bytes.fromhex(say(card, "0084000008")[:16])
        data = answer_of(key, challenge) + ORIGINAL.hex() + version
        assert say(card, f"00820004{len(data) // 2:02X}{data}") == sw


@pytest.mark.parametrize("length", ["04", "10"])
def test_a_challenge_of_another_length_does_not_serve(card: Card, length: str) -> None:
    say(card, f"00840000{length}")
    assert say(card, "0082000410" + "00" * 16) == "6984"


def test_a_challenge_does_not_outlive_its_directory(card: Card) -> None:
    challenge = bytes.fromhex(say(card, "0084000008")[:16])
    select(card, SSSE)
    assert say(card, f"0082000410{answer_of(NEWER, challenge)}{ORIGINAL.hex()}") == "6984"


def test_unknown_keys_and_wrong_lengths(card: Card) -> None:
    assert say(card, "0082007710" + "00" * 16) == "6A88"
    assert say(card, "0082000409" + "00" * 9) == "6700"
    assert say(card, "0082010410" + "00" * 16) == "6A86"


def test_success_fills_the_tries_again(card: Card) -> None:
    for _ in range(2):
        say(card, "0084000008")
        assert say(card, "0082000410" + "00" * 16).startswith("63C")
    challenge = bytes.fromhex(say(card, "0084000008")[:16])
    assert say(card, f"0082000410{answer_of(KEY, challenge)}{ORIGINAL.hex()}") == "9000"
    say(card, "0084000008")
    assert say(card, "0082000410" + "00" * 16) == "63C2"
