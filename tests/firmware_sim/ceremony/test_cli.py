"""`onecard keys ceremony` as typed."""

import runpy
from pathlib import Path

import pytest

from firmware_sim.ceremony import cli
from keys.ceremony.standing import standing
from tests.keys.ceremony.documents import EXAMPLE, ROOT, example, reviewed


def test_rehearse(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_chromium", lambda: None)
    assert cli.keys_ceremony(["rehearse", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "演练 REHEARSAL HN-2026-R01: shares 3/5" in said
    assert "31/31" in said
    assert "16 组 sets" in said
    assert "15 组 sets" in said
    assert "destroy envelope E-0005" in said
    folder = tmp_path / "HN-2026-R01.REHEARSAL.ceremony"
    assert standing(folder).closed
    assert standing(folder).head in said
    assert not standing(tmp_path / "HN-2026-R01-X.REHEARSAL.ceremony").closed
    assert (folder / "HN-2026-R01.REHEARSAL.minutes.html").exists()
    assert cli.keys_ceremony(["check", str(folder)]) == 0
    assert cli.keys_ceremony(["rehearse", "--out", str(tmp_path)]) != 0, "its number is used"


def test_a_production_plan_is_not_rehearsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = example()
    document["ceremony"]["mode"] = "production"
    document["ceremony"]["printer"] = "/dev/usb/lp0"
    reviewed(document)
    text = EXAMPLE.read_text("utf-8").replace('mode = "rehearsal"', 'mode = "production"\nprinter = "/dev/usb/lp0"')
    path = tmp_path / "plan.toml"
    path.write_text(text.replace(example()["ceremony"]["review"], document["ceremony"]["review"]), "utf-8")
    assert cli.keys_ceremony(["check-plan", str(path)]) == 0
    assert cli.keys_ceremony(["rehearse", "--plan", str(path)]) == 2
    assert "E-CEREMONY-REHEARSAL" in capsys.readouterr().err
    assert cli.keys_ceremony(["rehearse", "--plan", str(tmp_path / "none.toml")]) == 2
    assert "E-CEREMONY-PLAN" in capsys.readouterr().err


def test_help_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    door = runpy.run_path(str(ROOT / "onecard.py"))
    assert door["main"](["keys", "ceremony", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(
        f"onecard keys ceremony {name}" in shown for name in ("rehearse", "check-plan", "run", "recover", "check")
    )
    assert door["main"](["keys", "ceremony"]) == 64
    assert door["main"](["keys", "ceremony", "fly"]) == 64
    assert cli.keys_ceremony(["rehearse", "--fly"]) == 64
