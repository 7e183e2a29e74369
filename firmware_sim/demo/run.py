"""Walks the steps in order, keeps what they proved, and writes the report whatever happens."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from card.errors import CardError
from card.texts import both
from firmware_sim.demo import checks, ending, steps_issue, steps_life, steps_money, steps_ride, steps_visit
from firmware_sim.demo.live import Live, SilentLive, TerminalLive
from firmware_sim.demo.options import BankFileError, look_at_bank_file, parse
from firmware_sim.demo.page.render import render
from firmware_sim.demo.record import STEP_TITLES, RunRecord, Step
from firmware_sim.demo.stage import FolderTakenError, Stage, open_stage
from firmware_sim.demo.steps_issue import NotEnoughApplicantsError
from firmware_sim.errors import SimError
from issuance.errors import IssuanceError
from keys.errors import KeysError
from terminal.errors import TerminalError

DONE, NO, NOT_TRIED = 0, 1, 2
# The world is wrong: named, told with a next step, and written into the report. Anything else is a fault of ours.
WORLD_ERRORS = (SimError, CardError, IssuanceError, KeysError, TerminalError)
# What the caller gave cannot carry a run; told before anything is touched.
INPUT_ERRORS = (FolderTakenError, NotEnoughApplicantsError, BankFileError)
StepFunction = Callable[[Stage, Step], None]
STEPS: dict[str, tuple[StepFunction, str]] = {
    "apply": (steps_issue.apply, "九道核验 nine checks a row"),
    "approve": (steps_issue.approve, "复核与开户 second person, accounts"),
    "personalize": (steps_issue.personalize, "八槽并行 eight slots"),
    "handout": (steps_issue.handout, "改密启用 PIN and enable"),
    "load": (steps_ride.load, "插卡、密码、圈存 card, PIN, load"),
    "bus_tap": (steps_ride.bus_tap, "各年龄段乘客 riders of every age"),
    "bus_tear": (steps_ride.bus_tear, "拔卡再碰 torn and presented again"),
    "hotel_offline": (steps_visit.hotel_offline, "断网登记 line down"),
    "scenic_camera": (steps_visit.scenic_camera, "手机屏 phone screen"),
    "scenic_serial": (steps_visit.scenic_serial, "串口 serial line"),
    "replay_refused": (steps_visit.replay_refused, "同码再来 same code again"),
    "benefit_run": (steps_money.benefit_run, "两家银行 two banks"),
    "benefit_repay": (steps_money.benefit_repay, "只重发失败的 only failed lines"),
    "loss_refused": (steps_life.loss_refused, "挂失 reported lost"),
    "replacement": (steps_life.replacement, "补卡 a new card"),
    "death_stop": (steps_money.death_stop, "身故通知 a notice of death"),
    "clearing": (steps_money.clearing, "清分对账 clearing"),
}


def demo(argv: list[str]) -> int:
    """`onecard demo`: exit 0 only when every step and every law of the books holds."""
    options = parse(argv)
    live: Live = SilentLive() if options.json and not sys.stderr.isatty() else TerminalLive()
    live.say(f"onecard demo · {options.day} · seed {options.seed} · {options.transport} · {options.applicants}")
    started = time.perf_counter()
    try:
        look_at_bank_file(options.bank_file)
        steps_issue.look_first(options.applicants)
        stage = open_stage(options, live)
    except (*WORLD_ERRORS, *INPUT_ERRORS) as problem:
        sys.stderr.write(f"{both(problem.code)}\n  {problem}\n")
        return NOT_TRIED
    stage.record.flags = argv
    try:
        return _play(stage, started)
    except NotEnoughApplicantsError as missing:
        sys.stderr.write(f"{both(missing.code)}\n  {missing}\n")
        return NOT_TRIED
    finally:
        stage.close()


def _play(stage: Stage, started: float) -> int:
    record = stage.record
    for name in STEPS:
        step = _walk(stage, name)
        record.steps.append(step)
        if not step.ok:
            break
    if all(step.ok for step in record.steps) and len(record.steps) == len(STEP_TITLES):
        ending.settle(stage)
        ending.judge(stage)
        ending.gather(stage)
        record.checks = checks.build(stage)
    record.seconds = time.perf_counter() - started
    _write(stage, stage.folder)
    stage.live.finish(record, str(stage.folder))
    return DONE if record.ok else NO


def _walk(stage: Stage, name: str) -> Step:
    function, what = STEPS[name]
    step = Step(name)
    stage.live.begin(step, what)
    begun = time.perf_counter()
    try:
        function(stage, step)
        if not step.ok and not step.problem:
            step.problem = "证据不成立 the evidence does not hold"
    except NotEnoughApplicantsError as missing:
        step.problem = str(missing)
        raise
    except WORLD_ERRORS as wrong:
        step.ok, step.problem = False, f"{both(wrong.code)}\n  {wrong}"
    finally:
        step.seconds = time.perf_counter() - begun
        for panel in step.panels:
            panel.step_seconds = step.seconds
        stage.live.end(step)
    return step


def _write(stage: Stage, folder: Path) -> None:
    record: RunRecord = stage.record
    text = json.dumps(record.to_json(), ensure_ascii=False, indent=1)
    (folder / "report.json").write_text(text, "utf-8")
    (folder / "report.html").write_text(render(record), "utf-8")
    if stage.options.json:
        sys.stdout.write(text + "\n")
