"""Non-volatile memory of a chip: named values, changed only by atomic commits.

A file store is an append-only journal: header, then records `length 4 || crc32 4 || payload`. One commit is one
record, written and synced before the chip goes on, so a power cut leaves the state before or after a commit and never
between. A torn tail is cut off when the file is opened. When the journal has grown, opening it writes the present
values to a temporary file, syncs, and renames it into place.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from firmware_sim.card.faults import FaultPlan

MAGIC = b"OCCHIP1\n"
COMPACT_ABOVE = 256 * 1024
MAX_RECORD = 1 << 20
_HEAD = struct.Struct(">II")
_DELETED = 0xFFFFFFFF


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

    def __init__(self, path: Path) -> None:
        """Open `path` and lock it. Raises ChipFileError, ChipBusyError."""
        self._path = path
        self._end = 0
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as bad:
            raise ChipFileError(f"{path}: {bad.strerror}") from bad
        try:
            self._lock()
            self._values = self._read()
        except ChipFileError:
            os.close(self._fd)
            raise

    def load(self) -> dict[str, bytes]:
        return dict(self._values)

    def append(self, changes: Mapping[str, bytes | None]) -> None:
        record = _record(changes)
        try:
            _write_all(self._fd, record)
            os.fdatasync(self._fd)
        except OSError as bad:
            os.ftruncate(self._fd, self._end)
            os.lseek(self._fd, self._end, os.SEEK_SET)
            raise ChipFileError(f"{self._path}: {bad.strerror}") from bad
        self._end += len(record)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ChipBusyError(f"{self._path} is in another reader") from None

    def _read(self) -> dict[str, bytes]:
        raw = self._path.read_bytes()
        if not raw.startswith(MAGIC):
            raise ChipFileError(f"{self._path} is not a chip")
        values: dict[str, bytes] = {}
        end = _replay(raw, values)
        if not values:
            raise ChipFileError(f"{self._path} holds no state")
        if end < len(raw):
            os.ftruncate(self._fd, end)
        self._end = os.lseek(self._fd, end, os.SEEK_SET)
        if end > COMPACT_ABOVE:
            self._compact(values)
        return values

    def _compact(self, values: Mapping[str, bytes]) -> None:
        _replace(self._path, values)
        os.close(self._fd)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self._lock()
        self._end = os.lseek(self._fd, 0, os.SEEK_END)


def create_file(path: Path, values: Mapping[str, bytes]) -> None:
    """A new chip file holding `values`. Raises ChipFileError when `path` exists already."""
    if path.exists():
        raise ChipFileError(f"{path} exists already")
    _replace(path, values)


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
        self.faults.after_write()

    def close(self) -> None:
        """Let go of the medium."""
        self._storage.close()


def _record(changes: Mapping[str, bytes | None]) -> bytes:
    parts = []
    for name, value in changes.items():
        raw = name.encode("ascii")
        size = _DELETED if value is None else len(value)
        parts.append(bytes([len(raw)]) + raw + size.to_bytes(4, "big") + (value or b""))
    payload = b"".join(parts)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _replay(raw: bytes, values: dict[str, bytes]) -> int:
    """Apply every whole record; returns where the good part ends."""
    at = len(MAGIC)
    while at + _HEAD.size <= len(raw):
        size, check = _HEAD.unpack_from(raw, at)
        payload = raw[at + _HEAD.size : at + _HEAD.size + size]
        if size > MAX_RECORD or len(payload) != size or zlib.crc32(payload) != check:
            break
        apply(values, _changes(payload))
        at += _HEAD.size + size
    return at


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


def _replace(path: Path, values: Mapping[str, bytes]) -> None:
    temporary = path.with_name(f".{path.name}.new")
    fd = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        _write_all(fd, MAGIC + _record(dict(values)))
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
