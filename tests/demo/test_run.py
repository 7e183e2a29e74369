"""The main job, whole: every step over real PC/SC, the report's shape, the refused rows."""

import csv
import json
from contextlib import suppress
from pathlib import Path

import pytest

from firmware_sim.applicants import Applicants
from firmware_sim.doctor import lost_to_the_demonstration
from tests.demo.conftest import Run

pytestmark = [pytest.mark.pcsc, pytest.mark.timeout(300)]

ROAD = (
    "apply",
    "approve",
    "personalize",
    "handout",
    "load",
    "bus_tap",
    "bus_tear",
    "hotel_offline",
    "scenic_camera",
    "scenic_serial",
    "replay_refused",
    "benefit_run",
    "benefit_repay",
    "loss_refused",
    "replacement",
    "death_stop",
    "clearing",
)
PROMISED = {"seed", "date", "transport", "degraded", "not_built", "steps", "invariants"}
FIRST_LINE_S = 5.0


def test_every_step_and_every_law_holds(run: Run) -> None:
    assert run.status == 0, run.stderr[-3000:]
    assert "Traceback" not in run.stderr
    assert {step["id"] for step in run.report["steps"] if step["ok"]} == set(ROAD)
    assert all(item["ok"] for item in run.report["invariants"].values())


def test_the_report_has_the_promised_shape(run: Run) -> None:
    report = run.report
    assert set(report) >= PROMISED
    assert (report["transport"], report["not_built"]) == ("pcsc", [])
    assert report["degraded"] == lost_to_the_demonstration()
    assert (report["seed"], report["date"]) == (20261123, "2026-11-23")
    assert sorted(step["id"] for step in report["steps"]) == sorted(ROAD)
    for step in report["steps"]:
        assert set(step) >= {"id", "ok", "seconds", "evidence"} and step["evidence"], step["id"]
    assert len(report["invariants"]) >= 4
    assert all(set(item) == {"ok", "value"} for item in report["invariants"].values())


def test_json_on_standard_output_is_the_report_and_nothing_else(run: Run) -> None:
    assert json.loads(run.stdout) == run.report


def test_something_is_said_within_five_seconds(run: Run) -> None:
    assert run.stderr.strip() and run.first_line_s < FIRST_LINE_S


def test_each_refused_row_is_told_why_in_a_file_for_spreadsheets(run: Run, applicants: Applicants) -> None:
    raw = (run.path / "rejected.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert list(rows[0]) == ["row", "code", "message_zh", "message_en", "next_step"]
    wanted = {number: code for number, code in applicants.expected.items() if code}
    assert {int(row["row"]): row["code"] for row in rows} == wanted
    assert all(row["message_zh"] and row["message_en"] and row["next_step"] for row in rows)
    assert run.evidence("apply")["accepted"] == len(applicants.rows) - len(wanted)


def test_no_whole_citizen_number_is_shown(run: Run, applicants: Applicants) -> None:
    numbers = {row["id_no"] for row in applicants.rows}
    shown = "\n".join((run.page, json.dumps(run.report, ensure_ascii=False), run.stderr, run.stdout))
    assert not {number for number in numbers if number in shown}


def test_what_was_proven_is_in_the_evidence(run: Run) -> None:
    assert run.evidence("personalize")["fields_compared_each"] >= 20
    assert run.evidence("bus_tear")["debited_when_torn"] and run.evidence("bus_tear")["debits"] == 1
    assert run.evidence("hotel_offline")["waiting_while_down"] >= 1 and run.evidence("hotel_offline")["receipts"] == 1
    assert set(run.evidence("replay_refused")["refusals"].values()) == {"D-REPLAYED", "D-NOT-GENUINE"}
    assert run.evidence("benefit_run")["same_file_twice_changed"] == 0
    assert len(run.evidence("benefit_run")["banks"]) == 2


def test_nothing_of_the_run_is_left_running(run: Run) -> None:
    assert [line for line in _command_lines() if run.folder in line] == []


def _command_lines() -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines
