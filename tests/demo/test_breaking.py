"""Broken on purpose: the run still ends with books that balance, and says what was broken."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim.demo import steps_issue, steps_ride
from firmware_sim.demo.live import SilentLive
from firmware_sim.demo.options import parse
from firmware_sim.demo.record import Step
from firmware_sim.demo.stage import Stage, open_stage
from tests.demo.conftest import Run

pytestmark = pytest.mark.timeout(300)

# A paying tap takes so many answers from the card; every one of them may be the one that is lost.
PLACES = range(1, 12)
BETWEEN_RIDES_S = 300


def test_it_ends_well_without_pcsc_and_says_so(broken_run: Run) -> None:
    assert broken_run.status == 0, broken_run.stderr[-3000:]
    report = broken_run.report
    assert report["transport"] == "direct"
    assert report["degraded"]
    assert report["not_built"] == []
    assert all(step["ok"] for step in report["steps"])
    assert all(item["ok"] for item in report["invariants"].values())
    assert '<div class="banner">' in broken_run.page and "PC/SC" in broken_run.page


def test_the_flags_are_on_record(broken_run: Run) -> None:
    flags = " ".join(broken_run.report["flags"])
    for flag in ("--tear-at 9", "--kill server@tap:3", "--clock +1d", "--bank-file "):
        assert flag in flags


def test_a_killed_server_loses_no_event(broken_run: Run) -> None:
    evidence = broken_run.evidence("bus_tap")
    assert evidence["server_killed"] is True
    assert evidence["unsent"] == 0
    assert broken_run.report["invariants"]["events_all_taken"] == {"ok": True, "value": 0}


def test_a_wrong_clock_stops_nobody_and_every_decision_says_so(broken_run: Run) -> None:
    evidence = broken_run.evidence("bus_tap")
    assert evidence["clock_skew_s"] == 86_400
    assert evidence["clock_unsure"] == evidence["taps"] > 0
    assert "+86400" in broken_run.page


@pytest.mark.parametrize(
    ("words", "seconds"), [("--clock -1d", -86_400), ("--clock=+30m", 1_800), ("--clock -10s", -10)]
)
def test_a_clock_may_be_behind(words: str, seconds: int) -> None:
    assert parse(words.split()).clock_skew_s == seconds


def test_a_cut_answer_is_named_and_charged_once(broken_run: Run) -> None:
    evidence = broken_run.evidence("bus_tear")
    assert "9" in evidence["cut"]
    assert evidence["debits"] == 1
    assert evidence["charged_fen"] == evidence["fare_fen"]


def test_a_foreign_return_file_changes_nothing(broken_run: Run) -> None:
    answer = broken_run.evidence("benefit_run")["outside_file"]
    assert answer["accepted"] is False
    assert answer["message_zh"] and answer["message_en"] and answer["next_step_zh"]
    assert "foreign-return.txt" in answer["name"]


@pytest.fixture(scope="module")
def stage(applicants_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A branch that has handed out its cards and riders who have loaded them."""
    out = tmp_path_factory.mktemp("torn") / "out"
    options = parse(["--transport", "direct", "--applicants", str(applicants_file), "--out", str(out)])
    opened = open_stage(options, SilentLive())
    for step in (steps_issue.apply, steps_issue.approve, steps_issue.personalize, steps_issue.handout, steps_ride.load):
        done = Step(step.__name__)
        step(opened, done)
        assert done.ok, (step.__name__, done.evidence)
    yield opened
    opened.close()


@pytest.mark.parametrize("place", PLACES)
def test_wherever_the_power_is_cut_the_ride_is_charged_once(stage: Stage, place: int) -> None:
    stage.options = replace(stage.options, tear_at=place)
    stage.clock.advance(BETWEEN_RIDES_S)
    step = Step("bus_tear")
    steps_ride.bus_tear(stage, step)
    assert step.ok, step.evidence
    assert step.evidence["debits"] == 1
    assert step.evidence["charged_fen"] == step.evidence["fare_fen"] > 0
    assert step.evidence["pending"] == 0
    assert step.evidence["cut_short"]


def test_a_place_beyond_the_tap_harms_nobody_and_is_named(stage: Stage) -> None:
    stage.options = replace(stage.options, tear_at=PLACES.stop)
    stage.clock.advance(BETWEEN_RIDES_S)
    step = Step("bus_tear")
    steps_ride.bus_tear(stage, step)
    assert step.ok, step.evidence
    assert not step.evidence["cut_short"] and step.evidence["debits"] == 1
    assert "nothing was cut" in step.panels[0].fault
    stage.clock.advance(BETWEEN_RIDES_S)
    after = steps_ride.ride(stage, stage.holders[0])
    assert after.decision is not None, "the fault did not wait for the next rider"
