"""Writing as a deed with a record: what was meant stands durably before the first command, what was done beside it.

A card torn away in the middle of several records leaves some new and some old. The record names every one with a
digest of the bytes before and after, so the next session with that card can tell from the card alone. It holds no
values; short ones could be guessed from their digests, so the file belongs where the terminal's journal is.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from card.errors import CardDataError

UNKNOWN = ""  # the file could not be read before it was written


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One record, or one piece of a transparent file. `number` is the record's, or the piece's offset."""

    ref: str
    number: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WritePlan:
    """All steps on one card. `card` is its answer to reset in hex; `path` the file."""

    card: str
    path: str
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write that did not come to its end: `written` were answered, `sent` was on the way (None: none was)."""

    plan: WritePlan
    written: tuple[int, ...]
    sent: int | None

    @property
    def untouched(self) -> tuple[int, ...]:
        """Steps no command was sent for."""
        return tuple(at for at in range(len(self.plan.steps)) if at not in self.written and at != self.sent)


class WriteRecord(Protocol):
    """Durable before each call returns."""

    def begin(self, plan: WritePlan) -> None:
        """Before the first command."""
        ...

    def sending(self, step: int) -> None:
        """Before the command of `step`."""
        ...

    def written(self, step: int) -> None:
        """The card has answered 9000."""
        ...

    def finish(self) -> None:
        """Nothing is open any more."""
        ...


@dataclass
class MemoryRecord:
    """For writes nobody needs to find again after a power cut: of one record, or in a test."""

    open: OpenWrite | None = field(default=None)

    def begin(self, plan: WritePlan) -> None:
        self.open = OpenWrite(plan, (), None)

    def sending(self, step: int) -> None:
        if self.open is not None:
            self.open = OpenWrite(self.open.plan, self.open.written, step)

    def written(self, step: int) -> None:
        if self.open is not None:
            self.open = OpenWrite(self.open.plan, (*self.open.written, step), None)

    def finish(self) -> None:
        self.open = None


class FileRecord:
    """JSON lines, synced one by one; the file is there as long as something is open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, plan: WritePlan) -> None:
        """CardDataError when another write is still open: it must be settled first."""
        if self.unfinished() is not None:
            raise CardDataError("write record", "an earlier write of this terminal is not settled")
        if self._path.exists():  # a first line cut off by a power loss: nothing had been sent yet
            self.finish()
        steps = [{"ref": s.ref, "number": s.number, "before": s.before, "after": s.after} for s in plan.steps]
        self._add({"v": 1, "card": plan.card, "path": plan.path, "steps": steps})
        _sync_folder(self._path)

    def sending(self, step: int) -> None:
        self._add({"sending": step})

    def written(self, step: int) -> None:
        self._add({"written": step})

    def finish(self) -> None:
        self._path.unlink(missing_ok=True)
        _sync_folder(self._path)

    def unfinished(self) -> OpenWrite | None:
        """What an earlier run left open; a last line cut off by a power loss was never acted upon."""
        if not self._path.exists():
            return None
        rows = [row for row in map(_row, self._path.read_text("utf-8").splitlines()) if row]
        if not rows or "steps" not in rows[0]:
            return None
        head = rows[0]
        plan = WritePlan(head["card"], head["path"], tuple(PlannedStep(**step) for step in head["steps"]))
        written = tuple(row["written"] for row in rows[1:] if "written" in row)
        sent = [row["sending"] for row in rows[1:] if "sending" in row and row["sending"] not in written]
        return OpenWrite(plan, written, sent[-1] if sent else None)

    def _add(self, row: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def digest(card: str, ref: str, raw: bytes) -> str:
    """What the record keeps of bytes: SHA-256 over card, place and content, so equal values do not look equal."""
    return hashlib.sha256(f"{card}|{ref}|".encode() + raw).hexdigest()


def _row(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
