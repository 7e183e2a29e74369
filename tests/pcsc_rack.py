"""Simulated readers behind a real PC/SC daemon for tests: one rack per worker, its socket named before first use.

A pytest plugin. `--reader NAME` lets the contract suite look at a card on metal, read-only.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from card.errors import DaemonMissingError
from firmware_sim.daemon import SOCKET_NAME
from firmware_sim.errors import DaemonNotInstalledError, NotIsolatedError
from firmware_sim.rack import SOCKET_VARIABLE, STANDARD_LAYOUT, PcscRack
from tests.required import missing

FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reader", default="", help="a reader with a real card for the read-only part of tests/contract")


def pytest_configure(config: pytest.Config) -> None:
    # The PC/SC library keeps the first socket name it used: name it before any test can touch the library.
    if config.getoption("--reader"):
        return  # the system's own daemon
    config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="oc-rack-", dir="/tmp"))
    os.environ[SOCKET_VARIABLE] = str(config.stash[FOLDER] / SOCKET_NAME)


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def session_rack(pytestconfig: pytest.Config) -> Iterator[PcscRack]:
    """The worker's rack; use `pcsc_rack`, which empties it after each test."""
    folder = pytestconfig.stash.get(FOLDER, None)
    if folder is None:
        missing("pcsc", "--reader was given: the process talks to the system's daemon")
    try:
        rack = PcscRack(STANDARD_LAYOUT, folder, daemon_socket=folder / SOCKET_NAME)
    except (DaemonNotInstalledError, NotIsolatedError, DaemonMissingError) as absent:
        missing("pcsc", str(absent))
    yield rack
    rack.close()


@pytest.fixture
def pcsc_rack(session_rack: PcscRack) -> Iterator[PcscRack]:
    """Sixteen empty slots (`STANDARD_LAYOUT`) behind the real daemon; mark such tests `pcsc`.

    A chip left by the test before may still be on its way out for 400 ms; `insert` waits for that.
    """
    yield session_rack
    for slot in session_rack.slots():
        if slot["chip"]:
            session_rack.pull(str(slot["slot"]))
