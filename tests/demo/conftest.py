"""Whole runs of the demonstration on a small file, made once for all tests that look at them."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.applicants import Applicants, generate
from firmware_sim.daemon import find_programs
from firmware_sim.errors import DaemonNotInstalledError
from tests.required import missing

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "PCSCLITE_CSOCK_NAME"
SEED, GOOD_ROWS, BAD_ROWS = 7, 24, 8
RUN_TIMEOUT_S = 240


@dataclass(frozen=True)
class Run:
    """One run as its user saw it. `first_line_s`: seconds until anything was printed."""

    status: int
    folder: str
    stdout: str
    stderr: str
    first_line_s: float

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / "report.json").read_text("utf-8"))
        return found

    @property
    def page(self) -> str:
        return (self.path / "report.html").read_text("utf-8")

    def evidence(self, step: str) -> dict[str, Any]:
        found: dict[str, Any] = next(item["evidence"] for item in self.report["steps"] if item["id"] == step)
        return found


def onecard(words: Sequence[str], folder: Path) -> Run:
    """`onecard WORDS` as a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != SOCKET}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "onecard.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
        env=environment,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    first_line_s = time.monotonic() - started
    try:
        stdout, rest = process.communicate(timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, rest = process.communicate()
        raise AssertionError(f"the run takes longer than {RUN_TIMEOUT_S} s:\n{rest[-2000:]}") from None
    return Run(process.returncode, str(folder), stdout, first + rest, first_line_s)


def sample() -> Applicants:
    """Good rows with the special ages and names among them, and rows that must be refused, each for its reason."""
    made = generate(90, SEED)
    numbered = list(enumerate(made.rows, start=1))
    good = [(row, "") for number, row in numbered if not made.expected[number]][:GOOD_ROWS]
    bad = [(row, made.expected[number]) for number, row in numbered if made.expected[number]][:BAD_ROWS]
    rows = [*good[:4], *bad, *good[4:]]
    expected = {number: code for number, (_, code) in enumerate(rows, start=1)}
    return Applicants(tuple(row for row, _ in rows), made.plants, expected)


@pytest.fixture(scope="session")
def applicants() -> Applicants:
    return sample()


@pytest.fixture(scope="session")
def applicants_file(applicants: Applicants, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applicants.write(tmp_path_factory.mktemp("applicants") / "applicants.csv")


@contextmanager
def _once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder that all workers of this test run share, one worker at a time."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"demo-{name}"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield shared


def _whole_run(tmp_path_factory: pytest.TempPathFactory, name: str, words: Sequence[str]) -> Run:
    with _once(tmp_path_factory, name) as shared:
        kept = shared / "run.json"
        if not kept.exists():
            out = shared / "out"
            kept.write_text(json.dumps(asdict(onecard([*words, "--out", str(out)], out))), "utf-8")
        return Run(**json.loads(kept.read_text("utf-8")))


@pytest.fixture(scope="session")
def run(applicants_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The main job over the real PC/SC daemon."""
    try:
        find_programs()
    except DaemonNotInstalledError as absent:
        missing("pcsc", str(absent))
    return _whole_run(tmp_path_factory, "pcsc", ("demo", "--applicants", str(applicants_file), "--json"))


@pytest.fixture(scope="session")
def broken_run(applicants_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Without PC/SC, with everything broken on purpose that can be."""
    foreign = tmp_path_factory.mktemp("bank") / "foreign-return.txt"
    foreign.write_bytes(b"this is not a return file\n")
    flags = ("--tear-at", "9", "--kill", "server@tap:3", "--clock", "+1d", "--bank-file", str(foreign))
    words = ("demo", "--transport", "direct", "--applicants", str(applicants_file), *flags)
    return _whole_run(tmp_path_factory, "direct", words)
