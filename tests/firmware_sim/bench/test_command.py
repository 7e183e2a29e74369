"""`onecard bench --quick`: every figure has its shape and a believable size; how fast anything is, is not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.bench.suite import NAMES
from firmware_sim.daemon import find_programs
from firmware_sim.errors import DaemonNotInstalledError
from firmware_sim.installed import find_postgres_bin
from firmware_sim.rack import SOCKET_VARIABLE
from tests.required import missing

ROOT = Path(__file__).resolve().parents[3]
# A figure that is off by more is a mistake in the bench, not a slow machine.
FACTOR = 10_000
SPLIT = ("pcsc_ms", "journal_ms", "host_logic_ms")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: the PC/SC library keeps the first daemon it has met."""
    environment = {name: value for name, value in os.environ.items() if name != SOCKET_VARIABLE}
    command = [sys.executable, str(ROOT / "onecard.py"), "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


def figures(*names: str) -> dict[str, dict[str, Any]]:
    done = run("--quick", "--json", *names)
    assert done.returncode == 0, done.stderr
    found = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    for line in found.values():
        assert line["better"] in ("higher", "lower") and line["unit"] and line["baseline"]
        assert 1 / FACTOR < line["ratio"] < FACTOR and line["value"] > 0 and line["baseline_value"] > 0
        assert line["pairs"] >= 1
    return found


def test_figures_that_need_nothing_but_this_process_and_a_disk() -> None:
    names = ("code_verify", "tap_in_process", "journal_append", "personalize_in_process")
    found = figures(*names)
    assert tuple(found) == names
    assert found["tap_in_process"]["apdus"] > 10
    assert found["personalize_in_process"]["apdu_bytes"] > found["personalize_in_process"]["apdus"]


def test_commands_bytes_and_card_time_are_what_the_page_argues() -> None:
    """docs/figures.md names these numbers: a command more is a change to be argued there."""
    found = figures("twin_apdu_in_process", "card_read_apdus", "card_read_apdus_3", "bus_tap")
    assert {name: found[name]["value"] for name in ("card_read_apdus", "card_read_apdus_3", "bus_tap_apdus")} == {
        "card_read_apdus": 8,
        "card_read_apdus_3": 12,
        "bus_tap_apdus": 14,
    }
    assert found["card_read_apdus"]["ratio"] == found["card_read_apdus_3"]["ratio"] == 1
    tap = found["bus_tap_card_time"]
    assert tap["held"] == "yes" and tap["value"] <= tap["goal"] == 200
    assert found["bus_tap_radio_bytes"]["commands_in_the_air"] == found["bus_tap_apdus"]["in_the_air"] == 8
    assert found["twin_apdu_in_process"]["ratio"] < 1  # a chip that computes is slower than one that looks up


def test_intake_on_sqlite_accepts_and_books_every_event() -> None:
    found = figures("event_intake_sqlite_10")
    assert list(found) == ["event_intake_sqlite_10"]
    line = found["event_intake_sqlite_10"]
    assert line["events_a_batch"] == 10 and 0 < line["booked_a_second"] <= line["value"]


@pytest.mark.pg
def test_intake_on_postgresql_accepts_and_books_every_event() -> None:
    if find_postgres_bin() is None:
        missing("pg", "PostgreSQL is not installed")
    line = figures("event_intake_pg_10")["event_intake_pg_10"]
    assert 0 < line["booked_a_second"] <= line["value"]


@pytest.mark.pcsc
def test_reading_and_the_window_go_through_the_real_daemon() -> None:
    try:
        find_programs()
    except DaemonNotInstalledError as absent:
        missing("pcsc", str(absent))
    found = figures("twin_apdu_pcsc", "card_read_host", "card_read_whole", "tear_window")
    assert found["card_read_host"]["apdus"] == 8
    assert found["card_read_host"]["value"] > 0 and found["card_read_whole"]["value"] > 0
    assert 0 < found["tear_window"]["value"] <= found["tear_window"]["longest_ms"]


@pytest.mark.pcsc
def test_the_host_time_of_a_tap_goes_through_the_real_daemon() -> None:
    try:
        find_programs()
    except DaemonNotInstalledError as absent:
        missing("pcsc", str(absent))
    line = figures("bus_tap_host")["bus_tap_host"]
    assert line["better"] == "lower" and line["unit"] == "ms"
    assert line["ratio"] > 1  # the raw loop does a part of what the terminal does
    assert all(line[part] > 0 for part in SPLIT)
    assert line["apdus"] > 10 and line["apdu_bytes"] > line["apdus"]


def test_a_name_nobody_knows_is_wrong_usage() -> None:
    done = run("nonsense")
    assert done.returncode == 64 and "code_verify" in done.stderr and not done.stdout


def test_every_promised_figure_has_a_name() -> None:
    sizes = [f"event_intake_{engine}_{size}" for engine in ("sqlite", "pg") for size in (1, 10, 100, 500)]
    assert {"code_verify", "bus_tap_host", "journal_append", *sizes} <= set(NAMES)
