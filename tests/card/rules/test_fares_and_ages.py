"""Ages, fares, entitlements: by example, and where a birthday changes a right."""

from datetime import date, timedelta

import pytest

from card.domain.money import Fen
from card.rules.ages import age_on, next_birthday
from card.rules.entitlements import AGE_STEPS, Entitlement, by_age, from_days, to_days, valid_to
from card.rules.fares import HAIKOU_BUS, BusTariff, TariffError

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(1990, 3, 2), DAY, 36),
        (date(1990, 3, 3), DAY, 35),
        (date(2004, 2, 29), date(2026, 2, 28), 21),
        (date(2004, 2, 29), date(2026, 3, 1), 22),
        (date(2004, 2, 29), date(2024, 2, 29), 20),
        (DAY, DAY, 0),
    ],
)
def test_age_in_whole_years(birth: date, day: date, age: int) -> None:
    assert age_on(birth, day) == age


def test_a_leap_birthday_falls_on_the_first_of_march() -> None:
    assert next_birthday(date(2004, 2, 29), 22) == date(2026, 3, 1)
    assert next_birthday(date(2004, 2, 29), 20) == date(2024, 2, 29)


@pytest.mark.parametrize(("full", "fare"), [(200, 170), (100, 85), (1, 1), (3, 3), (10, 9), (70, 60), (0, 0)])
def test_eighty_five_percent_rounds_half_up_to_the_fen(full: int, fare: int) -> None:
    tariff = BusTariff("o", "l", Fen(full), 85, ())
    assert tariff.fare(None, DAY) == (Fen(fare), "card")


def test_a_tariff_survives_its_bundle() -> None:
    assert BusTariff.from_entry(HAIKOU_BUS.to_entry()) == HAIKOU_BUS


@pytest.mark.parametrize(
    "change",
    [
        {"full_fare": 1.5},
        {"full_fare": "200"},
        {"full_fare": True},
        {"default_rate_percent": 101},
        {"default_rate_percent": True},
        {"bands": [{"from_age": 65}]},
        {"bands": None},
    ],
)
def test_a_bad_tariff_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(TariffError):
        BusTariff.from_entry({**HAIKOU_BUS.to_entry(), **change})


def test_a_missing_member_is_refused() -> None:
    entry = HAIKOU_BUS.to_entry()
    del entry["bands"]
    with pytest.raises(TariffError):
        BusTariff.from_entry(entry)


@pytest.mark.parametrize(
    ("age", "right"),
    [
        (0, Entitlement.CHILD_FREE),
        (5, Entitlement.CHILD_FREE),
        (6, Entitlement.MINOR_HALF),
        (17, Entitlement.MINOR_HALF),
        (18, Entitlement.NONE),
        (59, Entitlement.NONE),
        (60, Entitlement.SENIOR_HALF),
        (69, Entitlement.SENIOR_HALF),
        (70, Entitlement.SENIOR_FREE),
        (110, Entitlement.SENIOR_FREE),
    ],
)
def test_rights_by_age(age: int, right: Entitlement) -> None:
    assert by_age(date(DAY.year - age, 1, 1), DAY) == right


@pytest.mark.parametrize("step", AGE_STEPS)
@pytest.mark.parametrize("ahead", range(1, 9))
def test_an_authorisation_never_outlives_a_right(step: int, ahead: int) -> None:
    """Whoever reaches a step in `ahead` days: every day of the authorisation has the rights of its first."""
    birth = (DAY + timedelta(days=ahead)).replace(year=DAY.year - step)
    last = valid_to(birth, DAY)
    assert last == DAY + timedelta(days=min(7, ahead - 1))
    days = [DAY + timedelta(days=n) for n in range((last - DAY).days + 1)]
    assert {by_age(birth, day) for day in days} == {by_age(birth, DAY)}


def test_days_since_1970_fit_two_bytes_for_our_lifetime() -> None:
    assert to_days(date(1970, 1, 1)) == 0 and from_days(to_days(DAY)) == DAY
    assert to_days(date(2140, 1, 1)) < 1 << 16
