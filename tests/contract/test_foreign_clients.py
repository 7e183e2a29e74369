"""Programs that are not ours talk to the twin through the same daemon."""

import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.rack import PcscRack
from tests.required import missing

pytestmark = pytest.mark.pcsc


def run(command: list[str], text: str = "") -> str:
    if shutil.which(command[0]) is None:
        missing("tools", f"{command[0]} is not installed")
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def twin_in_pcsc(pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path) -> str:
    """The name of a PC/SC reader with a twin in it."""
    factory.card(tmp_path / "twin.chip", Order(1))
    pcsc_rack.insert("counter-card", tmp_path / "twin.chip")
    return pcsc_rack.name("counter-card")


def test_opensc_tool_reads_atr_and_card_number(twin_in_pcsc: str) -> None:
    assert twin_in_pcsc in run(["opensc-tool", "-l"])
    assert "3b:6d:00:00:00:81:4e:43:23:86:97:46:01:00:00:00:01" in run(["opensc-tool", "-r", twin_in_pcsc, "-a"])
    select = "00:A4:04:00:0F:73:78:31:2E:73:68:2E:C9:E7:BB:E1:B1:A3:D5:CF"
    answer = run(["opensc-tool", "-r", twin_in_pcsc, "-s", select, "-s", "00:B2:07:2C:0B"])
    assert "07 09 54 30 30 30 30 30 30 31" in answer


def test_scriptor_selects(twin_in_pcsc: str) -> None:
    answer = run(["scriptor", "-r", twin_in_pcsc], "00 A4 00 00 02 DD F1\n00 A4 00 00 02 EE EE\n")
    assert "61 13" in answer
    assert "6A 82" in answer


def test_pcsc_scan_lists_the_reader(twin_in_pcsc: str) -> None:
    assert twin_in_pcsc in run(["timeout", "5", "pcsc_scan", "-r"])
