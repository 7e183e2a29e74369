"""Fen are integers; instants are aware; the business day is Hainan's."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.clock import SteppedClock, business_date, from_ms, start_of_business_day, to_ms
from card.domain.entropy import SeededEntropy
from card.domain.money import Fen, parse_yuan


def test_no_float_becomes_money() -> None:
    for wrong in (1.0, "1", True, None):
        with pytest.raises(TypeError):
            Fen(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Fen(1) + 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("full", "rate", "fare"), [(200, 85, 170), (100, 85, 85), (150, 85, 128), (130, 85, 111), (1, 50, 1)]
)
def test_percent_rounds_half_up(full: int, rate: int, fare: int) -> None:
    # Contract §5: 85 %, rounded half-up to the fen; 150 * 0.85 = 127.5 -> 128, 130 * 0.85 = 110.5 -> 111.
    assert Fen(full).percent(rate) == fare


@given(st.integers(-(10**9), 10**9))
def test_yuan_text_keeps_every_fen(fen: int) -> None:
    text = Fen(fen).yuan()
    assert parse_yuan(text.lstrip("-")) == abs(fen)


@pytest.mark.parametrize("text", ["1.234", "-1", "1,00", "", "１"])
def test_amounts_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_yuan(text)


def test_purse_amount_has_31_bits() -> None:
    assert Fen(0x01020304).to_bytes4() == b"\x01\x02\x03\x04"
    for wrong in (-1, 1 << 31):
        with pytest.raises(ValueError, match="range"):
            Fen(wrong).to_bytes4()


def test_business_day_starts_at_sixteen_utc() -> None:
    assert business_date(datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)) == date(2026, 11, 22)
    assert business_date(datetime(2026, 11, 22, 16, 0, tzinfo=UTC)) == date(2026, 11, 23)
    assert start_of_business_day(date(2026, 11, 23)) == datetime(2026, 11, 22, 16, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        business_date(datetime(2026, 11, 22))


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_round_trip(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms


def test_a_stepped_clock_moves_only_when_told() -> None:
    clock = SteppedClock(from_ms(0))
    assert clock.now() == clock.now()
    clock.advance(-1)
    assert to_ms(clock.now()) == -1000


def test_seeded_chance_repeats() -> None:
    assert SeededEntropy(7).token(40) == SeededEntropy(7).token(40)
    assert SeededEntropy(7).token(8) != SeededEntropy(8).token(8)
    assert SeededEntropy(7, "a").token(8) != SeededEntropy(7, "b").token(8)
