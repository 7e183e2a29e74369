"""The front door: every command of the tour exists and explains itself; make and onecard list what they can do."""

import importlib
import re
import runpy
import subprocess
import sys

import pytest

from tests.tidy.tree import ROOT

DOOR = runpy.run_path(str(ROOT / "onecard.py"))
COMMANDS: dict[str, tuple[str, str, str]] = DOOR["COMMANDS"]
TARGETS = ("help", "setup", "demo", "test", "check", "bench", "soak")
PROMISED = ("demo", "doctor", "card read", "card dump", "code show", "code verify", "sim up", "serve", "bench")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_tour_exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, function = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), function)
    try:
        status = command(["--help"])
    except SystemExit as asked:
        status = asked.code
    assert not status
    assert f"onecard {name}" in capsys.readouterr().out, "the help names the command"


def test_the_tour_lists_what_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert DOOR["main"](["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"onecard {name} " in shown for name in PROMISED)


def test_an_unknown_command_has_its_own_status_and_a_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert DOOR["main"](["fly"]) == 64
    assert "onecard --help" in capsys.readouterr().err


def test_help_loads_no_command() -> None:
    door = str(ROOT / "onecard.py")
    probe = f"import runpy, sys; runpy.run_path({door!r})['main'](['--help']); print('fastapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().endswith("False")


def test_make_lists_its_targets() -> None:
    shown = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert all(f"make {target} " in shown for target in TARGETS)


def _ragged(text: str) -> list[str]:
    """Rows of tables with more or fewer cells than the head of their table."""
    found, head = [], 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        head = cells if not cells or not head else head
        if cells != head:
            found.append(line)
    return found


def test_tables_of_the_pages_keep_their_cells() -> None:
    """A bar that is not escaped begins a new cell, also inside code: what stands behind it would not be shown."""
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    assert not [f"{path.name}: {row}" for path in pages for row in _ragged(path.read_text("utf-8"))]


def test_the_check_of_tables_can_fail() -> None:
    assert _ragged("| a | b |\n|---|---|\n| `1|2` | 3 |\n| 1 | 2 |\n") == ["| `1|2` | 3 |"]
    assert not _ragged("| a | b |\n|---|---|\n| `1\\|2` | 3 |\n")
