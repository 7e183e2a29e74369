"""libcacard's card in a private PC/SC daemon, for the tests that read it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.daemon import SOCKET_NAME, PcscDaemon, choose_isolation, find_programs, reader_name
from firmware_sim.errors import SimError
from firmware_sim.rack import SOCKET_VARIABLE
from tests.required import missing

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
FIRST = "user1"
WAIT_S = 30.0


@dataclass(frozen=True)
class ForeignCard:
    """A reader with the card in it: its name, the environment to reach it, the first certificate the card must hold."""

    reader: str
    environment: dict[str, str]
    certificate: bytes

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """A program that talks to this daemon."""
        return subprocess.run(
            command, env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=40, check=False
        )


@contextmanager
def foreign_card() -> Iterator[ForeignCard]:
    """The card, inserted; skipped with its reason where something is missing."""
    if shutil.which("certutil") is None:
        missing("cacard", "certutil is not installed")
    folder = Path(tempfile.mkdtemp(prefix="oc-cac-", dir="/tmp"))
    try:
        database = make_database(folder)
        daemon = start_daemon(folder)
        try:
            with adapter(daemon.ports[0], database, folder) as running:
                environment = {**os.environ, SOCKET_VARIABLE: str(daemon.socket), "PYTHONPATH": str(CHECKOUT)}
                card = ForeignCard(reader_name(0), environment, der_of(database))
                wait_for(card, running, folder)
                yield card
        finally:
            daemon.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_database(folder: Path) -> Path:
    """An NSS database with three self-signed certificates and their keys."""
    database = folder / "nss"
    database.mkdir()
    (folder / "password").write_text("\n", "ascii")
    (folder / "noise").write_bytes(bytes(range(64)))
    common = ["certutil", "-d", f"sql:{database}", "-f", str(folder / "password")]
    subprocess.run([*common, "-N"], check=True, capture_output=True)
    for number, name in enumerate((FIRST, "user2", "user3"), 1):
        wish = ["-S", "-x", "-t", "CT,CT,CT", "-s", f"CN={name}", "-n", name, "-g", "2048", "-m", str(number)]
        subprocess.run([*common, *wish, "-z", str(folder / "noise")], check=True, capture_output=True)
    return database


def der_of(database: Path) -> bytes:
    """The certificate the card must show, taken out of the database by NSS's own tool."""
    command = ["certutil", "-L", "-d", f"sql:{database}", "-n", FIRST, "-r"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def start_daemon(folder: Path) -> PcscDaemon:
    try:
        daemon = PcscDaemon(folder, folder / SOCKET_NAME, find_programs(), 1, choose_isolation(folder))
        daemon.start(os.getpid())
    except SimError as absent:
        missing("pcsc", str(absent))
    return daemon


@contextmanager
def adapter(port: int, database: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """libcacard's own process."""
    with (folder / "cacard.log").open("wb") as log:
        command = [sys.executable, "-I", str(HERE / "cacard.py"), str(port), str(database)]
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(5)


def wait_for(card: ForeignCard, running: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the daemon has seen the card."""
    look = "from card.readers.pcsc import PcscReader; import sys; sys.exit(not PcscReader(sys.argv[1]).card_present())"
    deadline = time.monotonic() + WAIT_S
    while card.run([sys.executable, "-c", look, card.reader]).returncode:
        if running.poll() is not None:
            missing("cacard", (folder / "cacard.log").read_text("utf-8", "replace").strip()[-300:])
        assert time.monotonic() < deadline, "the daemon never saw the foreign card"
