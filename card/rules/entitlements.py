"""Entitlement bits of the electronic card's code: rights without the reason behind them (contract §6).

Four bytes. The numbering is this project's own (C); it travels with the catalogue version beside it.
"""

from datetime import date, timedelta
from enum import IntFlag

from card.rules.ages import age_on, next_birthday

EPOCH = date(1970, 1, 1)
# Authorisations live seven days in the fleets that were read (qr-and-acceptance §2.5); birthdays may end them sooner.
DEFAULT_LIFETIME_DAYS = 7


class Entitlement(IntFlag):
    """What a gate may grant; never why."""

    NONE = 0
    RESIDENT = 1 << 0
    SENIOR_HALF = 1 << 1
    SENIOR_FREE = 1 << 2
    MINOR_HALF = 1 << 3
    CHILD_FREE = 1 << 4
    STUDENT = 1 << 5
    DISABLED = 1 << 6
    SOLDIER = 1 << 7


AGE_STEPS = (6, 18, 60, 65, 70)


def by_age(birth: date, day: date) -> Entitlement:
    """Rights from age alone: under 6 free, 6-17 half, 60-69 half, 70 and over free (the site decides the price)."""
    age = age_on(birth, day)
    if age < 6:
        return Entitlement.CHILD_FREE
    if age < 18:
        return Entitlement.MINOR_HALF
    if age >= 70:
        return Entitlement.SENIOR_FREE
    if age >= 60:
        return Entitlement.SENIOR_HALF
    return Entitlement.NONE


def valid_to(birth: date, day: date, lifetime_days: int = DEFAULT_LIFETIME_DAYS) -> date:
    """Last day of an authorisation issued on `day`: at the latest the day before a birthday that changes a right."""
    last = day + timedelta(days=lifetime_days)
    for age in AGE_STEPS:
        birthday = next_birthday(birth, age)
        if day < birthday <= last:
            last = birthday - timedelta(days=1)
    return last


def to_days(day: date) -> int:
    """Days since 1970, the two-byte form in the issuer area."""
    return (day - EPOCH).days


def from_days(days: int) -> date:
    return EPOCH + timedelta(days=days)
