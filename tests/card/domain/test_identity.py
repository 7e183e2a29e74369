"""Numbers parse once, check once, and hide themselves."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.identity import (
    ALPHANUMERIC,
    CardId,
    CardNumber,
    CitizenId,
    IdentityFormatError,
    RegionCode,
    card_number_check,
    mask_name,
)
from card.domain.scene import TerminalId

# card §1.11 and business-rules §4.4: three samples recomputed there.
CARD_NUMBERS = ["B00000019", "X00000019"]


@pytest.mark.parametrize("text", CARD_NUMBERS)
def test_card_number_of_the_manuals_passes(text: str) -> None:
    assert str(CardNumber(text)) == text


@given(st.text(ALPHANUMERIC, min_size=8, max_size=8), st.integers(0, 7), st.sampled_from(ALPHANUMERIC))
def test_one_changed_character_is_seen(body: str, place: int, other: str) -> None:
    number = body + card_number_check(body)
    changed = number[:place] + other + number[place + 1 :]
    values = ALPHANUMERIC.index(other) - ALPHANUMERIC.index(number[place])
    # The rule is modulo 11: two characters whose values differ by a multiple of 11 share a check character.
    if values % 11 == 0:
        CardNumber(changed)
    else:
        with pytest.raises(IdentityFormatError):
            CardNumber(changed)


def test_citizen_number_of_the_manual() -> None:
    # card §5: manual sample 111111198101011110.
    number = CitizenId("111111198101011110")
    assert (number.birth_date, number.sex, number.region) == (date(1981, 1, 1), "1", "111111")


@pytest.mark.parametrize(
    "text",
    ["111111198101011111", "11111119810101111", "111111198102301110", "11111119810101111X", "１11111198101011110", ""],
    ids=["check", "short", "date", "letter", "full-width digit", "empty"],
)
def test_citizen_number_refused(text: str) -> None:
    with pytest.raises(IdentityFormatError):
        CitizenId(text)


def test_numbers_hide_themselves() -> None:
    number = CitizenId("111111198101011110")
    for shown in (repr(number), str(number), f"{number}"):
        assert "19810101" not in shown
    assert "0000001" not in repr(CardNumber("X00000019"))
    assert mask_name("王小明") == "王**"


def test_card_id_parts() -> None:
    card = CardId.parse("460100D1560000050000000112345678")
    assert (card.region, card.serial) == ("460100", bytes.fromhex("00000001"))
    for bad in ("460100", "zz" * 16):
        with pytest.raises(IdentityFormatError):
            CardId.parse(bad)


def test_region_gives_the_city_factor() -> None:
    # card §3.2: Haikou 460100 -> 34 36 30 31 30 30 73 78.
    assert RegionCode("460100").city_factor == bytes.fromhex("3436303130307378")
    assert RegionCode("460100").bcd == bytes.fromhex("460100")
    with pytest.raises(IdentityFormatError):
        RegionCode("4601")


def test_terminal_number_is_six_bytes() -> None:
    assert TerminalId.parse("010203040506").hex == "010203040506"
    with pytest.raises(IdentityFormatError):
        TerminalId.parse("0102")
