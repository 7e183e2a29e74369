"""The doctor's tables: names resolve, tests exist, the page is made from the table, replacement is proven."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim import stand_ins
from firmware_sim.doctor import COMPONENTS, Component, Replaced, doctor, lost_to_the_demonstration
from tests.tidy.tree import ROOT

NAMES = ("keys", "psam", "custody", "silicon", "banks", "police", "population", "time", "artwork")


def _report(path: Path, item: stand_ins.StandIn, inner: str = "") -> Path:
    module = item.test.removesuffix(".py").replace("/", ".")
    case = f'<testcase classname="{module}" name="test_a">{inner}</testcase>'
    path.write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>", "utf-8")
    return path


def _resolve(name: str) -> object:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def test_the_nine_stand_ins_are_listed() -> None:
    assert tuple(item.name for item in stand_ins.STAND_INS) == NAMES == tuple(Replaced.__dataclass_fields__)


@pytest.mark.parametrize("item", stand_ins.STAND_INS, ids=lambda item: item.name)
def test_a_stand_in_names_things_that_exist(item: stand_ins.StandIn) -> None:
    assert all(_resolve(name) for name in item.stands)
    assert all(getattr(_resolve(name), "_is_protocol", False) for name in item.ports), "a port is a protocol"
    assert (ROOT / item.test).is_file(), f"{item.test} does not exist"


def test_the_page_is_made_from_the_table() -> None:
    assert (ROOT / "docs/stand-ins.md").read_text("utf-8") == stand_ins.page(), "run make docs"


def test_production_lists_every_stand_in_and_says_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--production", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["stand_ins"]
    assert [row["name"] for row in rows if row["left"]] == list(NAMES)
    assert all(row["ports"] and row["test"] and row["supplier"] for row in rows)


def test_production_says_yes_when_every_replacement_is_proven(tmp_path: Path) -> None:
    reports = {item.name: _report(tmp_path / f"{item.name}.xml", item) for item in stand_ins.STAND_INS}
    config = tmp_path / "onecard.toml"
    config.write_text("[replaced]\n" + "".join(f'{name} = "{path}"\n' for name, path in reports.items()), "utf-8")
    assert doctor(["--production", "--config", str(config)]) == 0


@pytest.mark.parametrize("inner", ["<failure/>", "<error/>", "<skipped/>"])
def test_a_report_that_did_not_pass_replaces_nothing(tmp_path: Path, inner: str) -> None:
    item = stand_ins.STAND_INS[1]
    assert stand_ins.faults(item, _report(tmp_path / "a.xml", item, inner)).endswith("1 of 1 tests did not pass")


def test_a_report_of_another_suite_replaces_nothing(tmp_path: Path) -> None:
    report = _report(tmp_path / "a.xml", stand_ins.STAND_INS[0])
    assert "no test of" in stand_ins.faults(stand_ins.STAND_INS[1], report)
    assert stand_ins.faults(stand_ins.STAND_INS[1], tmp_path / "absent.xml")


def test_every_component_is_named_with_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["components"]
    assert [row["name"] for row in rows] == [component.name for component in COMPONENTS]
    assert all(row["lost"] and row["packages"] for row in rows)
    assert next(row for row in rows if row["name"] == "SM2")["here"]


def test_a_missing_component_names_the_loss_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Component("ink", "墨水", lambda: "", "不能打印", "nothing is printed", "ink-bottle", essential=True)
    monkeypatch.setattr("firmware_sim.doctor.COMPONENTS", (gone,))
    assert doctor([]) == 1
    shown = capsys.readouterr().out
    assert "无 no   墨水 ink" in shown and "nothing is printed" in shown and "next: Debian: ink-bottle" in shown


def test_a_demonstration_names_only_what_it_lacks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ink = Component("ink", "墨水", lambda: "", "不能打印", "nothing is printed", "ink-bottle", shown=True)
    here = replace(ink, name="paper", find=lambda: "/dev/paper")
    elsewhere = replace(ink, name="lead", shown=False)
    monkeypatch.setattr("firmware_sim.doctor.COMPONENTS", (ink, here, elsewhere))
    assert lost_to_the_demonstration() == ["没有 no ink：不能打印 nothing is printed (Debian: ink-bottle)"]


def test_wrong_flags_and_wrong_configuration_have_their_own_status(tmp_path: Path) -> None:
    assert doctor(["--nonsense"]) == 64
    bad = tmp_path / "bad.toml"
    bad.write_text("[replaced]\nmoon = 'x'\n", "utf-8")
    assert doctor(["--production", "--config", str(bad)]) == 2
