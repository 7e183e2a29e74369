"""Time is handed in: `Clock.now()` gives aware UTC; business dates are Asia/Shanghai, converted in one place."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

# China has kept one offset without daylight saving since 1992; a fixed offset needs no time-zone data on a terminal.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    """Source of business time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock; chosen in `main.py` files only."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SteppedClock:
    """A clock that moves only when told to: simulations and tests."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float = 0, *, days: int = 0) -> None:
        """Move by `seconds` and `days`; negative values model a clock set back."""
        self._now += timedelta(seconds=seconds, days=days)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    if at.tzinfo is None:
        raise ValueError("instant without a time zone")
    whole = at.astimezone(UTC)
    return int(whole.timestamp()) * 1000 + whole.microsecond // 1000


def from_ms(ms: int) -> datetime:
    """The aware UTC instant of `ms` milliseconds since 1970."""
    return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)


def business_time(at: datetime) -> datetime:
    """The same instant on the wall clock of Hainan."""
    if at.tzinfo is None:
        raise ValueError("instant without a time zone")
    return at.astimezone(SHANGHAI)


def business_date(at: datetime) -> date:
    """The business day: card and purse dates, ages, value dates (contract: Asia/Shanghai)."""
    return business_time(at).date()


def start_of_business_day(day: date) -> datetime:
    """00:00 in Hainan of `day`, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


def monotonic_ms() -> int:
    """Real elapsed milliseconds for durations only; never an instant."""
    return time.monotonic_ns() // 1_000_000
