"""One device put together: enrolment, memory, journal, facts, uplink and sync. Kinds add their readers to it.

The device's key lies in a file here, a stand-in for a key inside the terminal's security module: it says so once and
refuses `profile = production`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.errors import ProductionRefusedError, PublicKeyError
from terminal.clock_guard import ClockGuard
from terminal.config import TerminalConfig
from terminal.enrol import Enrolment, Introduction, enrol, enrolment_of
from terminal.errors import NotEnrolledError
from terminal.facts import FactsCabinet
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import Memory, VolatileMemory
from terminal.memory_sqlite import SqliteMemory
from terminal.post import Post
from terminal.sync import Notice, Notices, Sync
from terminal.uplink import Uplink
from terminal.uploader import Uploader

SCALAR_BYTES = 32
IN_MEMORY = ":memory:"
_warned: list[str] = []


@dataclass
class Device:
    """What an assembly needs. `on_notice` may be set by a kind before its first sync."""

    post: Post
    key: Sm2PrivateKey
    memory: Memory
    journal: SqliteJournal
    uplink: Uplink
    sync: Sync
    enrolment: Enrolment
    on_notice: Callable[[Notice], object] | None = None

    def close(self) -> None:
        """Close journal and memory."""
        self.journal.close()
        if isinstance(self.memory, SqliteMemory):
            self.memory.close()


@dataclass(frozen=True, slots=True)
class Origin:
    """How a device comes to life. `folder` None keeps everything in memory; `keep_sent` keeps accepted events."""

    config: TerminalConfig
    kind: str
    clock: Clock
    entropy: Entropy
    folder: Path | None = None
    psam_no: str = ""
    profile: str = "demo"
    keep_sent: bool = False


def open_device(origin: Origin, connect: Callable[[Sm2PrivateKey], Uplink], one_time_code: str = "") -> Device:
    """Open a device; enrol it when it is new. `connect` makes the uplink once the key is known.

    Raises NotEnrolledError when it is new and has no code, LinkDownError and ServerRefusedError when enrolling fails.
    """
    memory: Memory = VolatileMemory()
    if origin.folder is not None:
        origin.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        memory = SqliteMemory(origin.folder / "device.db")
    key = device_key(memory, origin.entropy, origin.profile)
    uplink = connect(key)
    enrolment = _enrolment(origin, memory, key, uplink, one_time_code)
    return _assemble(origin, memory, key, uplink, enrolment)


def device_key(memory: Memory, entropy: Entropy, profile: str) -> Sm2PrivateKey:
    """The device's key from its memory, made at first use. Stand-in: ProductionRefusedError for production."""
    if profile == "production":
        raise ProductionRefusedError("a device key in a file")
    if not _warned:
        _warned.append("key")
        print("stand-in: device keys in files, not in a security module; not for production", file=sys.stderr)
    stored = memory.get("device.key")
    while stored is None:
        candidate = entropy.token(SCALAR_BYTES)
        try:
            Sm2PrivateKey.from_scalar(candidate)
        except PublicKeyError:  # outside 1..n-2, once in 2^32
            continue
        memory.put("device.key", candidate)
        stored = candidate
    return Sm2PrivateKey.from_scalar(stored)


def _enrolment(origin: Origin, memory: Memory, key: Sm2PrivateKey, uplink: Uplink, one_time_code: str) -> Enrolment:
    try:
        return enrolment_of(memory)
    except NotEnrolledError:
        if not one_time_code:
            raise
    who = Introduction(origin.config.device_id, origin.kind, origin.config.place, one_time_code, origin.psam_no)
    return enrol(uplink, memory, key, who)


def _assemble(origin: Origin, memory: Memory, key: Sm2PrivateKey, uplink: Uplink, enrolment: Enrolment) -> Device:
    config, clock = origin.config, origin.clock
    guard = ClockGuard(clock, memory, max_sync_age_s=config.clock_sync_max_age_s, max_drift_s=config.clock_drift_max_s)
    guard.saw(enrolment.server_time)
    facts = FactsCabinet(memory, enrolment.facts_key, enrolment.list_key, clock, saw_signed_ms=guard.saw)
    path = IN_MEMORY if origin.folder is None else origin.folder / "journal.db"
    journal = SqliteJournal(path, enrolment.terminal.hex, origin.entropy, keep_sent=origin.keep_sent)
    post = Post(enrolment.terminal, config.place, clock, origin.entropy, facts, guard)
    heard: list[Device] = []

    def hear(notice: Notice) -> None:
        handler = heard[0].on_notice
        if handler is not None:
            handler(notice)

    uploader = Uploader(journal, uplink, key, config.upload_batch)
    sync = Sync(uplink, journal, uploader, facts, Notices(uplink, memory, hear), clock, guard)
    device = Device(post, key, memory, journal, uplink, sync, enrolment)
    heard.append(device)
    return device
