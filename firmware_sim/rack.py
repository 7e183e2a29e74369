"""Racks of simulated readers: the same chips behind the real PC/SC daemon, or directly in this process.

Slots have logical names (`bus-card`, `encoder-3`, ...); what a slot's reader is called is the rack's affair.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from card.channel import CardChannel
from card.domain.entropy import Entropy
from card.errors import CardLostError, NoCardError
from card.readers.pcsc import PcscReader, list_readers
from card.readers.reader import Reader
from firmware_sim.card.chip import load_chip
from firmware_sim.card.faults import Fault
from firmware_sim.card.slot import Chip, EmptySlotError, Slot
from firmware_sim.control import SOCKET_NAME as CONTROL_NAME
from firmware_sim.control import RefusedError, ask
from firmware_sim.daemon import (
    LOG_NAME,
    MAX_FOLDER_LENGTH,
    SOCKET_NAME,
    Isolation,
    choose_isolation,
    find_programs,
    namespace_command,
    reader_name,
)
from firmware_sim.errors import DaemonStartError, ReaderSilentError, SlotError

# Sixteen slots are what one daemon drives well; this is the layout the demo and the tests share.
STANDARD_LAYOUT = (
    *(f"encoder-{number}" for number in range(8)),
    "bus-card",
    "bus-psam",
    "hotel-card",
    "hotel-psam",
    "kiosk-card",
    "kiosk-psam",
    "counter-card",
    "counter-psam",
)
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
SEEN_TIMEOUT_MS = 15_000  # a busy machine; the wait ends as soon as the daemon has looked
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.002
_sockets: list[Path] = []  # one entry: see PcscRack
_CHECKOUT = Path(__file__).resolve().parent.parent


class Rack(Protocol):
    """Readers whose cards a test or a demonstration moves by program."""

    def reader(self, slot: str) -> Reader:
        """The reader port of a slot. Raises SlotError."""
        ...

    def insert(self, slot: str, chip: Path) -> None:
        """Put the chip kept in file `chip` in; returns when the reader has seen it. Raises SimError."""
        ...

    def eject(self, slot: str) -> None:
        """Pull the chip; returns when the reader has seen it gone. An empty slot stays empty."""
        ...

    def swap(self, slot: str, chip: Path) -> None:
        """Another chip into the slot; returns when the reader has seen the old one go and the new one come."""
        ...

    def lag(self, slot: str, milliseconds: int) -> None:
        """Let every answer out of this slot come so much later; 0 ends it."""
        ...

    def use_line(self, slot: str, interface: str, protocol: str = "") -> None:
        """Make an empty slot a reader of another kind: `contact` (`T=0`, `T=1`, the chip's first) or `contactless`."""
        ...

    def fault(self, slot: str, fault: Fault) -> None:
        """Let `fault` happen once to the chip in this slot, or to the next one."""
        ...

    def disarm(self, slot: str) -> None:
        """Forget the faults of this slot that have not happened yet."""
        ...

    def close(self) -> None:
        """Pull every chip and end every process."""
        ...


class DirectChannel:
    """A power-on session with a chip in this process."""

    def __init__(self, slot: Slot) -> None:
        """Gives power. Raises NoCardError."""
        self._slot = slot
        self._generation = slot.generation
        try:
            self._atr = slot.reset()
        except EmptySlotError as gone:
            raise NoCardError(str(gone)) from None

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        try:
            self._check()
            answer = self._slot.exchange(apdu)
            if self._slot.lag_ms:
                time.sleep(self._slot.lag_ms / 1000)
                self._check()
            return answer
        except EmptySlotError as gone:
            raise CardLostError(str(gone)) from None

    def reset(self) -> bytes:
        try:
            self._check()
            self._atr = self._slot.reset()
        except EmptySlotError as gone:
            raise CardLostError(str(gone)) from None
        return self._atr

    def close(self) -> None:
        """Reset and let go, as a PC/SC reader does."""
        if self._slot.generation == self._generation and self._slot.occupied:
            self._slot.reset()

    def _check(self) -> None:
        if not self._slot.occupied or self._slot.generation != self._generation:
            raise EmptySlotError("the chip is gone, or another one in its place")


class DirectReader:
    """The reader port over a slot in this process."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    @property
    def name(self) -> str:
        return f"direct {self._slot.name}"

    def connect(self) -> CardChannel:
        """Raises NoCardError."""
        return DirectChannel(self._slot)

    def card_present(self) -> bool:
        """True when a chip is in the slot."""
        return self._slot.occupied

    def wait(self, present: bool, timeout_ms: int) -> bool:
        """False when `timeout_ms` passed first."""
        deadline = time.monotonic() + timeout_ms / 1000
        while self._slot.occupied is not present:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        return True


class DirectRack:
    """Slots in this process, made as they are named; no daemon, no socket, no waiting."""

    def __init__(self, entropy: Entropy) -> None:
        """`entropy` is what the chips draw their random numbers from."""
        self._entropy = entropy
        self._slots: dict[str, Slot] = {}
        self._lock = threading.Lock()

    def reader(self, slot: str) -> Reader:
        return DirectReader(self._slot(slot))

    def insert(self, slot: str, chip: Path) -> None:
        self.insert_chip(slot, load_chip(chip, self._entropy))

    def insert_chip(self, slot: str, chip: Chip) -> None:
        """Put in a chip that is in memory already. Raises SlotError when the slot is taken."""
        try:
            self._slot(slot).insert(chip)
        except ValueError as taken:
            chip.close()
            raise SlotError(str(taken)) from None

    def eject(self, slot: str) -> None:
        self._slot(slot).eject()

    def swap(self, slot: str, chip: Path) -> None:
        self.eject(slot)
        self.insert(slot, chip)

    def lag(self, slot: str, milliseconds: int) -> None:
        self._slot(slot).lag_ms = milliseconds

    def use_line(self, slot: str, interface: str, protocol: str = "") -> None:
        self._slot(slot).use_line(interface, protocol)

    def fault(self, slot: str, fault: Fault) -> None:
        self._slot(slot).arm(fault)

    def disarm(self, slot: str) -> None:
        self._slot(slot).disarm()

    def close(self) -> None:
        for slot in self._slots.values():
            slot.eject()

    def _slot(self, name: str) -> Slot:
        with self._lock:
            return self._slots.setdefault(name, Slot(name))


class PcscRack:
    """One child process with the twins and a private pcscd; readers are the production PC/SC readers.

    Sets `PCSCLITE_CSOCK_NAME` for this process. The PC/SC library keeps the first name it has used for ever, so every
    later rack of this process opens its socket at the place of the first one, and only one can live at a time.
    """

    def __init__(
        self,
        layout: Sequence[str],
        run_dir: Path,
        *,
        allow_open: bool = False,
        seed: int | None = None,
        daemon_socket: Path | None = None,
        twins: str = "firmware_sim.twins",
        apdu_log: bool = False,
    ) -> None:
        """Start and wait for the readers. `seed` makes the chips' random numbers repeatable; `twins` is the child.

        `daemon_socket` is for a process that named its socket before; else it lies in `run_dir`. `apdu_log`: the
        daemon writes every command with its time into `log` (personal data and MACs too: test chips only).

        Raises DaemonNotInstalledError, NotIsolatedError, DaemonStartError, card.errors.DaemonMissingError.
        """
        self.layout = tuple(layout)
        self.folder = _short_folder(run_dir)
        self._temporary = self.folder != run_dir.absolute()
        self.socket = _socket_path(daemon_socket or self.folder / SOCKET_NAME)
        self.control = self.folder / CONTROL_NAME
        self._child: subprocess.Popen[bytes] | None = None
        self._readers: dict[str, PcscReader] = {}
        self._program = twins
        self._seen_gone: set[str] = set()
        self.log = self.folder / LOG_NAME
        self._start(allow_open, seed, apdu_log)
        os.environ[SOCKET_VARIABLE] = str(self.socket)
        self._wait_for_readers()

    @property
    def pid(self) -> int:
        """The twins' process."""
        return self._child.pid if self._child else 0

    @property
    def owner(self) -> int:
        """The process to end when the rack is to go away: this one."""
        return os.getpid()

    @property
    def alive(self) -> bool:
        """The twins' process still runs."""
        return self._child is not None and self._child.poll() is None

    def name(self, slot: str) -> str:
        """The PC/SC name of a slot's reader. Raises SlotError."""
        if slot not in self.layout:
            raise SlotError(f"no slot {slot!r}; slots: {', '.join(self.layout)}")
        return reader_name(self.layout.index(slot))

    def reader(self, slot: str) -> Reader:
        # One for each slot: a reader keeps a context, and the daemon serves 200 of them.
        return self._readers.setdefault(slot, PcscReader(self.name(slot)))

    def insert(self, slot: str, chip: Path) -> None:
        gone = slot in self._seen_gone
        self._seen_gone.discard(slot)
        self._ask({"do": "insert", "slot": slot, "chip": str(chip.resolve()), "seen_gone": gone})
        _wait_until_seen(self.name(slot), present=True)

    def eject(self, slot: str) -> None:
        self.pull(slot)
        _wait_until_seen(self.name(slot), present=False)
        self._seen_gone.add(slot)

    def swap(self, slot: str, chip: Path) -> None:
        self.eject(slot)
        self.insert(slot, chip)

    def lag(self, slot: str, milliseconds: int) -> None:
        self._ask({"do": "lag", "slot": slot, "ms": milliseconds})

    def use_line(self, slot: str, interface: str, protocol: str = "") -> None:
        self._ask({"do": "line", "slot": slot, "interface": interface, "protocol": protocol})

    def pull(self, slot: str) -> None:
        """As `eject`, without waiting for the reader to see it; the daemon looks 20 times a second, or 2.5 times."""
        self._ask({"do": "eject", "slot": slot})

    def fault(self, slot: str, fault: Fault) -> None:
        self._ask({"do": "fault", "slot": slot, "kind": fault.kind, "ins": fault.ins, "nth": fault.nth})

    def disarm(self, slot: str) -> None:
        self._ask({"do": "disarm", "slot": slot})

    def slots(self) -> list[dict[str, str | None]]:
        """`slot`, `reader` and `chip` (a path or None) of every slot."""
        return self._ask({"do": "list"})["slots"]

    def close(self) -> None:
        child, self._child = self._child, None
        for reader in self._readers.values():
            reader.close()
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, request: Mapping[str, object]) -> dict[str, list[dict[str, str | None]]]:
        try:
            return ask(self.control, request)
        except RefusedError as refused:
            raise SlotError(str(refused)) from refused

    def _start(self, allow_open: bool, seed: int | None, apdu_log: bool) -> None:
        programs = find_programs()
        isolation: Isolation = choose_isolation(self.folder, allow_open=allow_open)
        plan = {
            "folder": str(self.folder),
            "socket": str(self.socket),
            "slots": list(self.layout),
            "isolation": isolation,
            "pcscd": str(programs.pcscd),
            "driver": str(programs.driver),
            "library_path": programs.library_path,
            "seed": seed,
            "apdu_log": apdu_log,
        }
        self._child = _child(self.folder / "rack.json", plan, self._program)
        line = self._child.stdout.readline() if self._child.stdout else b""
        answer = json.loads(line) if line else {"ok": False, "detail": "the twins' process ended"}
        if not answer["ok"]:
            self.close()
            raise DaemonStartError(str(answer["detail"]))

    def _wait_for_readers(self) -> None:
        if not _all_answer(len(self.layout)):
            self.close()
            raise DaemonStartError("not every reader answers")


def _all_answer(slots: int) -> bool:
    """Every reader is known to the daemon, within the time it has for that."""
    wanted = {reader_name(place) for place in range(slots)}
    deadline = time.monotonic() + START_TIMEOUT_S
    while not wanted <= set(list_readers()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _wait_until_seen(name: str, present: bool) -> None:
    """Until the reader of that name has seen a card come or go. Raises ReaderSilentError."""
    reader = PcscReader(name)
    try:
        if not reader.wait(present, SEEN_TIMEOUT_MS):
            raise ReaderSilentError(f"{name}: card {'not seen' if present else 'still seen'}")
    finally:
        reader.close()


def _child(plan_file: Path, plan: Mapping[str, object], program: str) -> "subprocess.Popen[bytes]":
    """The twins' process, told by `plan` what to be; it ends when its standard input closes."""
    plan_file.write_text(json.dumps(plan), "utf-8")
    search = (str(_CHECKOUT), os.environ.get("PYTHONPATH", ""))
    prefix = namespace_command() if plan["isolation"] == "namespace" else []
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", program, str(plan_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in search if path)},
    )


def _socket_path(wanted: Path) -> Path:
    """Where this process looks for its daemon: fixed by the first rack. Raises DaemonStartError while one lives."""
    if not _sockets:
        _sockets.append(wanted)
    path = _sockets[0]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(ConnectionRefusedError):
            probe.connect(str(path))
            raise DaemonStartError(f"a daemon already answers at {path}")
    return path


def _short_folder(wanted: Path) -> Path:
    """`wanted`, made if need be, or a short temporary folder when a Unix socket would not fit into it."""
    if len(str(wanted.absolute())) <= MAX_FOLDER_LENGTH:
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
        return wanted.absolute()
    return Path(tempfile.mkdtemp(prefix="onecard-", dir="/tmp"))
