"""`onecard run bus --demo`, whole: three riders, one torn card, everything accepted by a real server."""

import pytest

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from firmware_sim.run_bus import run_demo


def test_three_riders_and_a_torn_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(["--demo", "--transport", "direct"], SystemClock(), SystemEntropy()) == 0
    shown = capsys.readouterr().out
    for text in ("1.70", "1.00", "S-BUS-FREE", "D-CARD-MOVED", "S-BUS-RECOVERED", "'accepted': 4"):
        assert text in shown
