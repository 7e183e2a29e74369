"""Non-volatile memory of a chip: named values, changed only by atomic commits.

A file store is an append-only journal: header, then records `length 4 || check 4 || payload`. One commit is one
record, written and synced before the chip goes on, so a power cut leaves the state before or after a commit and never
between. The check of a record is the CRC-32 of everything since the header, so neither half a record nor an old one
that a disk leaves behind continues a journal. A torn tail is cut off when the file is opened. A journal that has grown
is written anew: the present values go to a temporary file, which is synced and renamed into place, and the folder too.
`firmware_sim.tears.power` proves this over every state a power cut can leave.
"""

import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from firmware_sim.card.disk import Disk, OsDisk
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.timing import Meter

MAGIC = b"OCCHIP2\n"
OLD_MAGIC = b"OCCHIP1\n"  # records checked one by one; rewritten when it is opened
COMPACT_ABOVE = 256 * 1024
MAX_RECORD = 1 << 20
_HEAD = struct.Struct(">II")
_DELETED = 0xFFFFFFFF
_DISK = OsDisk()


class ChipFileError(Exception):
    """A chip's file is missing, foreign or damaged beyond a torn tail."""

    code = "E-CHIP-FILE"


class ChipBusyError(ChipFileError):
    """The chip sits in another reader."""

    code = "E-CHIP-BUSY"


class Storage(Protocol):
    """Where commits go."""

    def load(self) -> dict[str, bytes]:
        """All values."""
        ...

    def append(self, changes: Mapping[str, bytes | None]) -> None:
        """Make `changes` durable, all or none; None deletes."""
        ...

    def close(self) -> None:
        """Let go of the medium."""
        ...


class MemoryStorage:
    """A chip without a file, for simulated worlds: commits survive power cuts of the chip, not of the process."""

    def __init__(self, values: Mapping[str, bytes] | None = None) -> None:
        self._values = dict(values or {})

    def load(self) -> dict[str, bytes]:
        return dict(self._values)

    def append(self, changes: Mapping[str, bytes | None]) -> None:
        apply(self._values, changes)

    def close(self) -> None:
        """Nothing to let go of."""


class FileStorage:
    """One chip, one file."""

    def __init__(self, path: Path, disk: Disk = _DISK, compact_above: int = COMPACT_ABOVE) -> None:
        """Open `path` and lock it; written anew above `compact_above` bytes. Raises ChipFileError, ChipBusyError."""
        self._path = path
        self._disk = disk
        self._compact_above = self._limit = compact_above
        self._failed = False
        self._values: dict[str, bytes] = {}
        self._end = self._check = 0
        try:
            self._handle = disk.open(path)
        except OSError as bad:
            raise ChipFileError(f"{path}: {bad.strerror}") from bad
        try:
            self._open()
        except ChipFileError:
            self.close()
            raise
        except OSError as bad:
            self.close()
            raise ChipFileError(f"{path}: {bad.strerror}") from bad

    def load(self) -> dict[str, bytes]:
        return dict(self._values)

    def append(self, changes: Mapping[str, bytes | None]) -> None:
        if self._failed:
            raise ChipFileError(f"{self._path}: an earlier write failed; the file must be opened again")
        try:
            if self._end > self._limit:
                self._compact()
            record, check = _record(changes, self._check)
            self._disk.write(self._handle, self._end, record)
            self._disk.sync_data(self._handle)
        except OSError as bad:
            # After a failed sync nobody knows what the disk holds, and a later sync may say yes to less.
            self._failed = True
            with suppress(OSError):
                self._disk.truncate(self._handle, self._end)
            raise ChipFileError(f"{self._path}: {bad.strerror}") from bad
        self._end += len(record)
        self._check = check
        apply(self._values, changes)

    def close(self) -> None:
        if self._handle >= 0:
            self._disk.close(self._handle)
            self._handle = -1

    def _open(self) -> None:
        try:
            self._disk.lock(self._handle)
        except BlockingIOError:
            raise ChipBusyError(f"{self._path} is in another reader") from None
        raw = self._disk.read(self._handle)
        if not raw.startswith((MAGIC, OLD_MAGIC)):
            raise ChipFileError(f"{self._path} is not a chip")
        self._end, self._check = _replay(raw, self._values)
        if not self._values:
            raise ChipFileError(f"{self._path} holds no state")
        if self._end > self._limit or raw.startswith(OLD_MAGIC):
            self._compact()
        elif self._end < len(raw):
            self._disk.truncate(self._handle, self._end)

    def _compact(self) -> None:
        handle, self._end, self._check = _replace(self._disk, self._path, self._values)
        self._disk.close(self._handle)
        self._handle = handle
        self._limit = max(self._compact_above, 2 * self._end)


def create_file(path: Path, values: Mapping[str, bytes], disk: Disk = _DISK) -> None:
    """A new chip file holding `values`. Raises ChipFileError when `path` exists already."""
    if disk.exists(path):
        raise ChipFileError(f"{path} exists already")
    try:
        handle, _, _ = _replace(disk, path, values)
    except BlockingIOError:
        raise ChipBusyError(f"{path} is being made") from None
    except OSError as bad:
        raise ChipFileError(f"{path}: {bad.strerror}") from bad
    disk.close(handle)


def apply(values: dict[str, bytes], changes: Mapping[str, bytes | None]) -> None:
    """Carry `changes` into `values`."""
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value


class NonVolatile:
    """The values a running chip sees. Reads come from memory; every change is one commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._values = storage.load()
        self.faults = FaultPlan()
        self.meter = Meter()

    def get(self, name: str) -> bytes | None:
        """The value of `name`, or None."""
        return self._values.get(name)

    def need(self, name: str) -> bytes:
        """The value of `name`; a chip without it is damaged (ChipFileError)."""
        value = self._values.get(name)
        if value is None:
            raise ChipFileError(f"chip has no {name}")
        return value

    def names(self, prefix: str) -> list[str]:
        """Sorted names that start with `prefix`."""
        return sorted(name for name in self._values if name.startswith(prefix))

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """All of `changes` or none, durable when this returns. Raises PowerLostError where a fault is armed."""
        self.faults.before_write()
        self._storage.append(changes)
        apply(self._values, changes)
        self.meter.wrote(changes)
        self.faults.after_write()

    def close(self) -> None:
        """Let go of the medium."""
        self._storage.close()


def _record(changes: Mapping[str, bytes | None], before: int) -> tuple[bytes, int]:
    """The record that follows one whose check is `before`, and its own check."""
    parts = []
    for name, value in changes.items():
        raw = name.encode("ascii")
        size = _DELETED if value is None else len(value)
        parts.append(bytes([len(raw)]) + raw + size.to_bytes(4, "big") + (value or b""))
    payload = b"".join(parts)
    check = zlib.crc32(payload, before)
    return _HEAD.pack(len(payload), check) + payload, check


def _replay(raw: bytes, values: dict[str, bytes]) -> tuple[int, int]:
    """Apply every whole record; where the good part ends, and the check of its last record."""
    at, before = len(MAGIC), 0
    chained = raw.startswith(MAGIC)
    while at + _HEAD.size <= len(raw):
        size, check = _HEAD.unpack_from(raw, at)
        payload = raw[at + _HEAD.size : at + _HEAD.size + size]
        if not 0 < size <= MAX_RECORD or len(payload) != size or zlib.crc32(payload, before) != check:
            break
        apply(values, _changes(payload))
        at += _HEAD.size + size
        before = check if chained else 0
    return at, before


def _changes(payload: bytes) -> dict[str, bytes | None]:
    changes: dict[str, bytes | None] = {}
    at = 0
    while at < len(payload):
        end = at + 1 + payload[at]
        name = payload[at + 1 : end].decode("ascii")
        size = int.from_bytes(payload[end : end + 4], "big")
        at = end + 4
        if size == _DELETED:
            changes[name] = None
            continue
        changes[name] = payload[at : at + size]
        at += size
    return changes


def _replace(disk: Disk, path: Path, values: Mapping[str, bytes]) -> tuple[int, int, int]:
    """Put a file with `values` alone in the place of `path`; its locked handle, length and last check."""
    temporary = path.with_name(f".{path.name}.new")
    record, check = _record(values, 0)
    handle = disk.open(temporary, new=True)
    try:
        disk.lock(handle)
        disk.write(handle, 0, MAGIC + record)
        disk.sync(handle)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)
    except BaseException:
        disk.close(handle)
        raise
    return handle, len(MAGIC) + len(record), check
