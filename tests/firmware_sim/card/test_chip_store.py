"""A chip's memory: whole commits or none, whatever happens to the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.card.faults import Fault, PowerLostError
from firmware_sim.card.store import (
    COMPACT_ABOVE,
    ChipBusyError,
    ChipFileError,
    FileStorage,
    MemoryStorage,
    NonVolatile,
    create_file,
)

NAMES = st.sampled_from(["a", "b/1", "c"])
CHANGES = st.dictionaries(NAMES, st.none() | st.binary(max_size=40), min_size=1)


def make(folder: Path, **values: bytes) -> Path:
    path = folder / "one.chip"
    create_file(path, {"kind": b"card", **values})
    return path


def read(path: Path) -> dict[str, bytes]:
    storage = FileStorage(path)
    try:
        return storage.load()
    finally:
        storage.close()


def test_commits_survive_reopening(tmp_path: Path) -> None:
    path = make(tmp_path)
    nv = NonVolatile(FileStorage(path))
    nv.commit({"a": b"1", "b": b"2"})
    nv.commit({"a": None, "b": b"3"})
    nv.close()
    assert read(path) == {"kind": b"card", "b": b"3"}


@given(commits=st.lists(CHANGES, max_size=6), data=st.data())
def test_any_cut_of_the_file_leaves_a_whole_number_of_commits(
    tmp_path_factory: pytest.TempPathFactory, commits: list[dict[str, bytes | None]], data: st.DataObject
) -> None:
    path = make(tmp_path_factory.mktemp("store"))
    born = path.stat().st_size
    states = [read(path)]
    storage = FileStorage(path)
    memory = MemoryStorage(states[0])
    for changes in commits:
        storage.append(changes)
        memory.append(changes)
        states.append(memory.load())
    storage.close()
    raw = path.read_bytes()
    cut = data.draw(st.integers(born, len(raw)))
    path.write_bytes(raw[:cut])
    assert read(path) in states
    # and what was cut off never comes back
    storage = FileStorage(path)
    storage.append({"after": b"!"})
    storage.close()
    assert read(path)["after"] == b"!"


def test_a_flipped_bit_ends_the_journal_there(tmp_path: Path) -> None:
    path = make(tmp_path)
    storage = FileStorage(path)
    storage.append({"a": b"good"})
    good = path.stat().st_size
    storage.append({"a": b"evil"})
    storage.close()
    raw = bytearray(path.read_bytes())
    raw[good + 12] ^= 1
    path.write_bytes(raw)
    assert read(path)["a"] == b"good"


def test_a_long_journal_is_rewritten_short(tmp_path: Path) -> None:
    path = make(tmp_path)
    storage = FileStorage(path)
    while path.stat().st_size <= COMPACT_ABOVE:
        storage.append({"a": bytes(60_000)})
    storage.close()
    storage = FileStorage(path)
    assert path.stat().st_size < 61_000
    storage.append({"a": b"short"})
    storage.close()
    assert read(path)["a"] == b"short"


def test_one_chip_sits_in_one_reader(tmp_path: Path) -> None:
    path = make(tmp_path)
    first = FileStorage(path)
    with pytest.raises(ChipBusyError):
        FileStorage(path)
    first.close()
    FileStorage(path).close()


def test_missing_foreign_and_empty_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ChipFileError):
        FileStorage(tmp_path / "none.chip")
    (tmp_path / "text.chip").write_text("hello", "utf-8")
    with pytest.raises(ChipFileError):
        FileStorage(tmp_path / "text.chip")
    path = make(tmp_path)
    with pytest.raises(ChipFileError):
        create_file(path, {"kind": b"card"})


def test_faults_fire_once_around_the_nth_write_of_their_command() -> None:
    nv = NonVolatile(MemoryStorage({"kind": b"card"}))
    nv.faults.arm(Fault("tear_before_write", 0x54, nth=2))
    nv.faults.begin(0x54)
    nv.commit({"a": b"1"})
    with pytest.raises(PowerLostError):
        nv.commit({"a": b"2"})
    assert nv.get("a") == b"1"
    nv.commit({"a": b"3"})
    nv.faults.arm(Fault("tear_after_write", 0x20))
    nv.commit({"a": b"4"})
    nv.faults.begin(0x20)
    with pytest.raises(PowerLostError):
        nv.commit({"a": b"5"})
    assert nv.get("a") == b"5"
    assert nv.faults.armed == ()


def test_impossible_faults_cannot_be_made() -> None:
    with pytest.raises(ValueError):
        Fault("explode", 0x54)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Fault("drop_answer", 0x154)
    with pytest.raises(ValueError):
        Fault("drop_answer", 0x54, nth=0)
