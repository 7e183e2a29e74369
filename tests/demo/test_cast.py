"""Any file that may carry a run has somebody for every part: fifteen holders, five of them adults, over two banks."""

from datetime import date
from pathlib import Path

import pytest

from firmware_sim.demo.cast import cast_of
from firmware_sim.demo.stage import Holder

DAY = date(2026, 11, 23)
CHILD = date(2015, 1, 1)


def holders(adult_birth: date, banks: str) -> list[Holder]:
    """Five adults and ten children; `banks` has a letter for each."""
    births = [adult_birth] * 5 + [CHILD] * 10
    return [
        Holder(f"card-{n}", Path(f"{n}.chip"), f"name {n}", f"id {n}", f"person-{n}", birth, bank)
        for n, (birth, bank) in enumerate(zip(births, banks, strict=True))
    ]


@pytest.mark.parametrize("adult_birth", [date(1985, 1, 1), date(1962, 1, 1), date(1945, 1, 1)])
def test_two_phones_are_at_the_park(adult_birth: date) -> None:
    cast = cast_of(holders(adult_birth, "ab" * 7 + "a"), DAY)
    parts = (cast.main, cast.loser, cast.deceased, cast.gone, cast.visitor)
    assert len({holder.card_id for holder in parts}) == 5


@pytest.mark.parametrize("alone", range(15))
def test_each_bank_has_somebody_to_pay(alone: int) -> None:
    people = holders(date(1985, 1, 1), "a" * alone + "b" + "a" * (14 - alone))
    gone = cast_of(people, DAY).gone
    assert {holder.bank for holder in people if holder is not gone} == {"a", "b"}
