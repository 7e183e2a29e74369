"""The few things a chip's store asks of a file system, so that power can be cut between any two of them."""

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Files by handle. Nothing is durable before the sync that covers it; every method may raise OSError."""

    def open(self, path: Path, *, new: bool = False) -> int:
        """A handle to read and write; `new` makes the file, or empties what is there."""
        ...

    def lock(self, handle: int) -> None:
        """Keep everybody else out until the handle is closed. BlockingIOError when somebody is in already."""
        ...

    def read(self, handle: int) -> bytes:
        """The whole file."""
        ...

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """All of `data` at `offset`."""
        ...

    def truncate(self, handle: int, length: int) -> None:
        """Cut the file off at `length`."""
        ...

    def sync_data(self, handle: int) -> None:
        """Bytes and length of the file are durable when this returns (fdatasync)."""
        ...

    def sync(self, handle: int) -> None:
        """The file is durable with everything that belongs to it (fsync)."""
        ...

    def close(self, handle: int) -> None:
        """Let go of the file and of its lock; makes nothing durable."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """`target` is from now on what `source` was; one or the other after a power cut, never neither."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """The names in `folder` are durable when this returns."""
        ...

    def exists(self, path: Path) -> bool:
        """There is something of that name."""
        ...


class OsDisk:
    """The disk of this machine."""

    def open(self, path: Path, *, new: bool = False) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC if new else 0), 0o600)

    def lock(self, handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def read(self, handle: int) -> bytes:
        parts = []
        at = 0
        while part := os.pread(handle, 1 << 20, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        while data:
            done = os.pwrite(handle, data, offset)
            data, offset = data[done:], offset + done

    def truncate(self, handle: int, length: int) -> None:
        os.ftruncate(handle, length)

    def sync_data(self, handle: int) -> None:
        os.fdatasync(handle)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def exists(self, path: Path) -> bool:
        return path.exists()
