"""Ages in whole years on a business day."""

from datetime import date


def age_on(birth: date, day: date) -> int:
    """Completed years on `day`; someone born on 29 February comes of age on 1 March of a common year."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def next_birthday(birth: date, age: int) -> date:
    """The day on which `age` is reached."""
    try:
        return birth.replace(year=birth.year + age)
    except ValueError:
        return date(birth.year + age, 3, 1)
