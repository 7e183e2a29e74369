"""A line changed, moved, added or taken out is found and named; half a last line was never there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock
from card.domain.event import canonical
from keys.algorithms.sm3 import sm3
from keys.ceremony.errors import TranscriptError, UsedError
from keys.ceremony.transcript import CLOSED, OPENED, VOID, Transcript, closed, read_transcript, to_destroy

STEPS = ("present", "key-made", "card-begun", "card-written", "sheet-begun")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = Transcript(tmp_path / "t.jsonl", SteppedClock(datetime(2026, 12, 1, tzinfo=UTC)), rehearsal=True)
    made.add(OPENED, ceremony="T-1")
    for number, step in enumerate(STEPS):
        made.add(step, number=number, serial=f"S{number}", envelope=f"E{number}")
    made.add(CLOSED)
    made.close()
    return made.path


def test_a_whole_transcript(path: Path) -> None:
    records = read_transcript(path)
    assert closed(records)
    assert [record["n"] for record in records] == list(range(1, 8))
    assert all(record["mark"] == "REHEARSAL" for record in records)
    for record in records:
        rest = {name: value for name, value in record.items() if name != "hash"}
        assert record["hash"] == sm3(canonical(rest)).hex()
    assert to_destroy(records) == ["card S2", "envelope E4"]


def test_a_number_is_used_once(path: Path) -> None:
    with pytest.raises(UsedError):
        Transcript(path, SteppedClock(datetime(2026, 12, 1, tzinfo=UTC)), rehearsal=True)


@pytest.mark.parametrize("line", range(7))
def test_a_line_taken_out_changed_or_doubled_is_named(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if line < 6:
        _refused(path, [*lines[:line], *lines[line + 1 :]], line + 1)
    changed = lines[line].replace(b'"at_ms":1', b'"at_ms":2')
    _refused(path, [*lines[:line], changed, *lines[line + 1 :]], line + 1)
    _refused(path, [*lines[: line + 1], lines[line], *lines[line + 1 :]], line + 2)


@pytest.mark.parametrize("line", range(6))
def test_lines_exchanged_are_named(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    _refused(path, [*lines[:line], lines[line + 1], lines[line], *lines[line + 2 :]], line + 1)


def test_a_line_with_its_own_hash_made_again_breaks_the_next(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    record = json.loads(lines[2])
    record["number"] = 77
    record["hash"] = sm3(canonical({name: value for name, value in record.items() if name != "hash"})).hex()
    lines[2] = canonical(record)
    _refused(path, [line + b"\n" for line in lines], 4)


def test_cut_at_every_byte_it_is_void_or_refused_and_never_closed(path: Path) -> None:
    raw = path.read_bytes()
    for size in range(len(raw)):
        path.write_bytes(raw[:size])
        try:
            assert not closed(read_transcript(path))
        except TranscriptError as refused:
            assert b"\n" not in raw[:size], refused


def test_nothing_follows_the_end(path: Path) -> None:
    clock = SteppedClock(datetime(2026, 12, 1, tzinfo=UTC))
    made = Transcript(path.with_name("u.jsonl"), clock, rehearsal=False)
    made.add(OPENED)
    made.add(VOID)
    made.add(CLOSED)
    made.close()
    with pytest.raises(TranscriptError, match="follows the end"):
        read_transcript(made.path)


def _refused(path: Path, lines: list[bytes], number: int) -> None:
    path.write_bytes(b"".join(lines))
    with pytest.raises(TranscriptError, match=f"line {number}:|does not begin"):
        read_transcript(path)
