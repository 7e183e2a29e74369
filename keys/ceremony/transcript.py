"""The transcript: append-only JSON lines, each holding the SM3 of the one before; on the disk before the next step.

A line is the canonical JSON of `n`, `at_ms`, `what`, the facts of the step, `mark` in a rehearsal, `prev` and `hash`,
which is the SM3 of the line without `hash`. It holds no secret. The minutes print the last hash, and hands sign it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from card.domain.clock import Clock, to_ms
from card.domain.event import canonical
from keys.algorithms.sm3 import sm3
from keys.ceremony.errors import TranscriptError, UsedError

NAME: Final = "transcript.jsonl"
MARK: Final = "REHEARSAL"
START: Final = "00" * 32
OPENED, CLOSED, VOID = "opened", "closed", "void"
Record = Mapping[str, Any]


class Transcript:
    """One file being written. Used by one process, once."""

    def __init__(self, path: Path, clock: Clock, *, rehearsal: bool) -> None:
        """Make the file. UsedError when it exists."""
        self.path = path
        self._clock = clock
        self._rehearsal = rehearsal
        self._records: list[Record] = []
        try:
            self._file = path.open("xb")
        except FileExistsError:
            raise UsedError(str(path)) from None
        sync_folder(path.parent)

    def add(self, what: str, **facts: Any) -> Record:
        """One step, on the disk when this returns."""
        record = {
            "n": len(self._records) + 1,
            "at_ms": to_ms(self._clock.now()),
            "what": what,
            **facts,
            **({"mark": MARK} if self._rehearsal else {}),
            "prev": self.head,
        }
        record["hash"] = sm3(canonical(record)).hex()
        self._file.write(canonical(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._records.append(record)
        return record

    def settle(self) -> tuple[Record, ...]:
        """After an interruption: what is on the disk is what happened; half a line is taken away. The lines."""
        self._file.flush()
        whole = self.path.read_bytes().rpartition(b"\n")
        os.ftruncate(self._file.fileno(), len(whole[0]) + len(whole[1]))
        self._file.seek(0, os.SEEK_END)
        self._records = list(read_transcript(self.path)) if whole[0] else []
        return self.records

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return str(self._records[-1]["hash"]) if self._records else START

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(self._records)

    def close(self) -> None:
        self._file.close()


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_transcript(path: Path) -> tuple[Record, ...]:
    """Every line, checked. TranscriptError names the first one that is wrong.

    A last line without its end is what a power cut leaves: it was never there. Lines cut off at the end take the
    closing line with them, so such a ceremony is void; against the signed minutes the last hash tells.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as bad:
        raise TranscriptError(f"{path}: {bad.strerror}") from bad
    records: list[Record] = []
    for number, line in enumerate(lines[:-1], 1):
        records.append(_checked(line, number, str(records[-1]["hash"]) if records else START))
    if not records or records[0]["what"] != OPENED:
        raise TranscriptError(f"{path} does not begin with an opening")
    ends = [record["n"] for record in records if record["what"] in (CLOSED, VOID)]
    if ends and ends != [len(records)]:
        raise TranscriptError(f"line {ends[0]}: something follows the end")
    return tuple(records)


def _checked(line: bytes, number: int, prev: str) -> Record:
    try:
        record = json.loads(line)
        rest = {name: value for name, value in record.items() if name != "hash"}
        whole = canonical(record) == line and sm3(canonical(rest)).hex() == record["hash"]
    except (ValueError, AttributeError, KeyError, RecursionError) as bad:
        raise TranscriptError(f"line {number}: not a record") from bad
    if not whole:
        raise TranscriptError(f"line {number}: changed")
    if record["n"] != number or record["prev"] != prev:
        raise TranscriptError(f"line {number}: not the one that belongs here")
    return dict(record)


def closed(records: tuple[Record, ...]) -> bool:
    """The ceremony has its closing line; every other one is void."""
    return bool(records) and records[-1]["what"] == CLOSED


def to_destroy(records: tuple[Record, ...]) -> list[str]:
    """What a void ceremony leaves behind, named before it was touched: cards and envelopes."""
    found = [f"card {record['serial']}" for record in records if record["what"] == "card-begun"]
    return found + [f"envelope {record['envelope']}" for record in records if record["what"] == "sheet-begun"]
