"""`onecard run counter --demo`, whole: moved, undone, torn, undecided; every fen is on a card, paid, or in the book."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from firmware_sim.run_counter import run_demo
from tests.required import missing
from tests.tidy.tree import ROOT

EVEN = "60.00 = 卡上 on cards 56.60 + 车费 fares 3.40 + 路上 on the road 0.00  ✓"
USAGE = 64


def nobody(_: str) -> str:
    raise EOFError


def end_of(shown: str) -> str:
    return shown[shown.index("结束") :]


def direct(*more: str, ask: Callable[[str], str] = nobody) -> int:
    return run_demo(["--demo", "--transport", "direct", *more], SystemClock(), SystemEntropy(), ask)


def test_torn_then_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert direct("--then", "confirm", "--torn") == 0
    shown = capsys.readouterr().out
    codes = ("E-CARD-LOST", "S-TRANSFER-OPEN-MOVING", "S-TRANSFER-MOVED", "S-TRANSFER-CONFIRMED")
    places = [shown.index(code) for code in codes]
    assert places == sorted(places)
    end = end_of(shown)
    assert EVEN in end
    assert "旧卡 old card: 卡上 on card 0.00，账上 in the book 0.00" in end
    assert "新卡 new card: 卡上 on card 56.60，账上 in the book 56.60" in end


def test_the_teller_is_asked_and_takes_it_back(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["x", "u"])
    assert direct(ask=lambda _: next(answers)) == 0
    shown = capsys.readouterr().out
    assert "S-TRANSFER-UNDONE" in shown and EVEN in end_of(shown)
    assert "旧卡 old card: 卡上 on card 56.60，账上 in the book 56.60" in end_of(shown)


def test_undecided_it_waits_for_the_next_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert direct() == 1
    shown = end_of(capsys.readouterr().out)
    assert EVEN in shown and "S-TRANSFER-OPEN-MOVED" in shown


@pytest.mark.pcsc
def test_the_command_through_the_real_daemon() -> None:
    command = [sys.executable, str(ROOT / "onecard.py"), "run", "counter", "--demo", "--torn", "--then", "undo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    if any(code in done.stderr for code in ("E-SIM-NO-DAEMON", "E-SIM-OPEN-NETWORK")):
        missing("pcsc", done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "S-TRANSFER-OPEN-MOVING" in done.stdout
    assert "S-TRANSFER-MOVED" in done.stdout and "S-TRANSFER-UNDONE" in done.stdout
    assert EVEN in end_of(done.stdout)


def test_a_wrong_command_line() -> None:
    with pytest.raises(SystemExit) as ended:
        direct("--then", "perhaps")
    assert ended.value.code == USAGE
