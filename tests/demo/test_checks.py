"""Check us without us: the commands of the page, run as they are printed, give what the page says."""

import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from firmware_sim.demo.checks import PACKAGES, balance_table, home_from
from firmware_sim.demo.signatures import signature_der
from tests.demo.conftest import ROOT, SOCKET, Run
from tests.required import missing

COMMAND_TIMEOUT_S = 90


class Commands(HTMLParser):
    """Pairs of command and expected output: `<pre>` and the `<pre class="out">` after it, in the section of checks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._inside = False
        self._text: str | None = None
        self._command = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "section":
            self._inside = values.get("id") == "checks"
        if tag == "pre" and self._inside:
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag != "pre" or self._text is None:
            return
        if self._command:
            self.found.append((self._command, self._text))
            self._command = ""
        else:
            self._command = self._text
        self._text = None


def commands(page: str) -> list[tuple[str, str]]:
    parser = Commands()
    parser.feed(page)
    return parser.found


@pytest.mark.pcsc
@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", PACKAGES)
def test_the_printed_commands_give_the_printed_output(run: Run, program: str) -> None:
    mine = [(command, expect) for command, expect in commands(run.page) if program in command]
    assert mine
    if shutil.which(program) is None:
        missing("tools", f"{program} is not installed")
    environment = {name: value for name, value in os.environ.items() if name != SOCKET}
    for command, expect in mine:
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            cwd=run.path,
            env=environment,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.stdout == expect + "\n", f"{command}\n{done.stderr}"


@pytest.mark.pcsc
@pytest.mark.timeout(300)
def test_a_changed_byte_is_noticed(run: Run, tmp_path: Path) -> None:
    """The checks can fail: the same command over a changed code says so."""
    verify = next(command for command, _ in commands(run.page) if "openssl" in command and "cmp" in command)
    shutil.copytree(run.path / "codes", tmp_path / "codes")
    body = tmp_path / "codes" / "camera.body.bin"
    good = body.read_bytes()
    for content, held in ((good, True), (good[:-1] + bytes((good[-1] ^ 1,)), False)):
        body.write_bytes(content)
        done = subprocess.run(["sh", "-c", verify], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert ("Successfully" in done.stdout) is held


def test_the_balance_table_is_the_one_hledger_prints() -> None:
    balances = {"bank:102": 70_000, "purse:1": -60_000, "purse:2": -7_520, "operator:a": -2_480, "suspense:load": 0}
    assert balance_table(balances).splitlines() == [
        "          CNY 700.00  bank",
        "          CNY -24.80  operator",
        "         CNY -675.20  purse",
        "-" * 20,
        "                   0  ",
    ]


def test_a_signature_becomes_two_minimal_integers() -> None:
    high, small = b"\x80" + bytes(31), bytes(30) + b"\x01\x02"
    assert signature_der(high + small).hex() == "3027" + "022100" + high.hex() + "02020102"
    assert signature_der(bytes(31) + b"\x7f" + bytes(32)).hex() == "3006" + "02017f" + "020100"


def test_the_checkout_is_named_as_seen_from_the_run(tmp_path: Path) -> None:
    assert home_from(ROOT / "build" / "demo") == "../.."
    assert home_from(ROOT / "demo") == ".."
    assert home_from(tmp_path) == str(ROOT)
