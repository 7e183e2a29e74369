"""Two readers of one clock file see the same business time."""

from datetime import UTC, datetime
from pathlib import Path

from firmware_sim.shared_clock import SharedClock, SkewedClock

START = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def test_what_one_moves_the_other_sees(tmp_path: Path) -> None:
    mine = SharedClock.create(tmp_path / "clock", START)
    theirs = SharedClock(tmp_path / "clock")
    assert theirs.now() == START
    mine.advance(1.5, days=1)
    assert theirs.now() == datetime(2026, 11, 24, 0, 30, 1, 500_000, tzinfo=UTC)
    assert (SkewedClock(mine, -60).now() - mine.now()).total_seconds() == -60
