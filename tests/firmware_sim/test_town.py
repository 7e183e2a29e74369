"""Another process reaches the same police desk and banks, and meets the same refusals."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock
from firmware_sim.bank import make_banks
from firmware_sim.police import SimulatedPolice
from firmware_sim.town import Town

VISITOR = """
import sys
from pathlib import Path
from firmware_sim.town import connect
from server.hotel.police import PoliceDownError, StayReport
police, banks = connect(Path(sys.argv[1]))
stay = StayReport("ab" * 16, "hotel", "site", "301", 0, 1, "x", "y")
try:
    print(police.register_stay(stay).receipt_no)
except PoliceDownError as down:
    print(down.code)
print(sorted(banks))
"""


@pytest.fixture
def town() -> Iterator[tuple[Path, Town]]:
    clock = SteppedClock(datetime(2026, 11, 23, tzinfo=UTC))
    with tempfile.TemporaryDirectory(prefix="oc-") as name:
        folder = Path(name)
        opened = Town(folder, SimulatedPolice(clock), make_banks(("102", "403"), clock), b"k" * 32)
        yield folder, opened
        opened.close()


def visit(folder: Path) -> list[str]:
    command = [sys.executable, "-c", VISITOR, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def test_the_visitor_meets_the_same_desk(town: tuple[Path, Town]) -> None:
    folder, opened = town
    first = visit(folder)
    assert first == visit(folder), "the same stay has the same receipt"
    assert first[1] == "['102', '403']"
    opened.police.answering = False
    assert visit(folder)[0] in ("E-POLICE-DOWN", first[0])
