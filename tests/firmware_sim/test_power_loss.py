"""A chip's file survives power loss: every state that dropped, torn or reordered writes can leave restarts right."""

import ast
import itertools
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from firmware_sim.card.disk import Disk, OsDisk
from firmware_sim.card.store import ChipBusyError, ChipFileError, FileStorage, apply, create_file
from firmware_sim.tears.platter import SECTORS, Length, Name, Platter, PlatterDisk, Sync, Verdict, Write, crashes
from firmware_sim.tears.power import CHIP, REAL, Maker, Witness, prove, restart_with
from firmware_sim.tears.power_of_chips import judge_life, live

# Longer than a sector of 512 and of 4,096 bytes, so that it can be torn.
LONG = bytes(range(256)) * 17
BORN = {"kind": b"card", "purse": bytes(8), "key": bytes(range(24))}
COMMITS: tuple[Mapping[str, bytes | None], ...] = (
    {"purse": b"\x00\x00\x27\x10\x00\x01\x00\x00", "log": bytes(23)},
    {"file": LONG},
    {"purse": b"\x00\x00\x26\xbb\x00\x01\x00\x01", "log": b"\x01" * 23, "key": None},
    {"file": LONG[::-1], "key": bytes(24)},
    {"tries": b"\x05"},
)


def life(maker: Maker = REAL) -> Witness:
    """A chip made, opened, written to, put into another reader and written to again."""
    witness = Witness(PlatterDisk(), maker)
    witness.create(BORN)
    witness.open()
    for changes in COMMITS[:3]:
        witness.append(changes)
    witness.close()
    witness.open()
    for changes in COMMITS[3:]:
        witness.append(changes)
    witness.close()
    return witness


def proof(maker: Maker = REAL) -> Verdict:
    return prove(life(maker), SeededEntropy(1, "power"), maker)


def test_every_state_after_every_cut_is_before_or_after_a_commit() -> None:
    verdict = proof()
    assert verdict.broken == ()
    assert verdict.cuts == 2 * 16
    assert verdict.states > 4_000
    print(f"power loss, one store's life: {verdict.cuts} cuts, {verdict.states} states, none bad")


def compacting(path: Path, disk: Disk) -> FileStorage:
    return FileStorage(path, disk, compact_above=600)


def test_a_file_written_anew_while_power_goes_keeps_everything() -> None:
    maker = Maker(open=compacting)
    witness = Witness(PlatterDisk(), maker)
    witness.create(BORN)
    witness.open()
    for number in range(60):
        witness.append({"purse": number.to_bytes(8, "big"), f"slot/{number % 3}": bytes(30)})
    witness.close()
    witness.open()
    renames = [step for step in witness.disk.steps if isinstance(step, Name) and step.gone]
    assert len(renames) >= 4  # made once, written anew at least three times
    verdict = prove(witness, SeededEntropy(2, "power"), maker)
    assert verdict.broken == ()


def test_what_a_cut_left_can_be_cut_again() -> None:
    """Recovery itself, and the first commit after it, survive further cuts; what was promised stays."""
    disk = life().disk
    platters = {
        platter.seen(): platter
        for cut in range(len(disk.steps) + 1)
        for platter in crashes(disk.start, disk.steps[:cut], 512, SeededEntropy(3, "power"))
    }
    restart = restart_with(REAL)
    judged = 0
    for platter in itertools.islice(platters.values(), 0, None, 40):
        found = restart(platter)
        if found is None:
            continue
        again = Witness(PlatterDisk(platter), REAL, found)
        again.open()
        again.append({"purse": b"later...", "file": b"short"})
        again.close()
        verdict = prove(again, SeededEntropy(4, "power"), REAL, (512,))
        assert verdict.broken == ()
        judged += 1
    assert judged > 50


class Careless:
    """The disk port with one duty forgotten: `forgets` names the call that does nothing."""

    def __init__(self, disk: Disk, forgets: str) -> None:
        self._disk = disk
        self._forgets = forgets

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name == self._forgets:
            return lambda *_: None
        found: Callable[..., object] = getattr(self._disk, name)
        return found


def careless(forgets: str) -> Maker:
    def create(path: Path, values: Mapping[str, bytes], disk: Disk) -> None:
        create_file(path, values, Careless(disk, forgets))  # type: ignore[arg-type]

    def reopen(path: Path, disk: Disk) -> FileStorage:
        return FileStorage(path, Careless(disk, forgets), compact_above=600)  # type: ignore[arg-type]

    return Maker(create, reopen)


class Plain:
    """A naive journal in the chip file's place: `checked` records or not, a check of each alone or `chained`."""

    head = struct.Struct(">II")

    def __init__(self, path: Path, disk: Disk, *, checked: bool, chained: bool) -> None:
        self._disk, self._checked, self._chained = disk, checked, chained
        self._handle = disk.open(path)
        self._values: dict[str, bytes] = {}
        self._end, self._last = 8, 0
        self._replay(disk.read(self._handle))

    def _replay(self, raw: bytes) -> None:
        while self._end + 8 <= len(raw):
            size, check = self.head.unpack_from(raw, self._end)
            payload = raw[self._end + 8 : self._end + 8 + size]
            if len(payload) < size or size == 0 or (self._checked and self._sum(payload) != check):
                break
            self._last = check
            self._end += 8 + size
            for line in payload.split(b"\n"):
                name, _, value = line.partition(b"=")
                apply(self._values, {name.decode("ascii", "replace"): bytes.fromhex(value.decode()) if value else None})

    def _sum(self, payload: bytes) -> int:
        return zlib.crc32(payload, self._last if self._chained else 0)

    def load(self) -> dict[str, bytes]:
        return dict(self._values)

    def append(self, changes: Mapping[str, bytes | None]) -> None:
        payload = b"\n".join(f"{name}={(value or b'').hex()}".encode() for name, value in changes.items())
        self._last = self._sum(payload)
        record = self.head.pack(len(payload), self._last) + payload
        self._disk.write(self._handle, self._end, record)
        self._disk.sync_data(self._handle)
        self._end += len(record)
        apply(self._values, changes)

    def close(self) -> None:
        self._disk.close(self._handle)


def plain(*, checked: bool, chained: bool) -> Maker:
    def reopen(path: Path, disk: Disk) -> Plain:
        return Plain(path, disk, checked=checked, chained=chained)

    def create(path: Path, values: Mapping[str, bytes], disk: Disk) -> None:
        new = path.with_name("new")
        handle = disk.open(new, new=True)
        disk.write(handle, 0, b"PLAIN...")
        store = Plain(new, disk, checked=checked, chained=chained)
        store.append(values)
        store.close()
        disk.close(handle)
        disk.rename(new, path)
        disk.sync_folder(path.parent)

    return Maker(create, reopen)


BROKEN = {
    "a commit without its sync": careless("sync_data"),
    "a rename before the new file is synced": careless("sync"),
    "a rename whose folder is not synced": careless("sync_folder"),
    "records that nobody checks": plain(checked=False, chained=False),
    "records checked each for itself": plain(checked=True, chained=False),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_found_out(name: str) -> None:
    verdict = proof(BROKEN[name])
    assert verdict.bad > 0, f"{name}: the checker saw nothing in {verdict.states} states"
    assert verdict.broken


def test_the_same_journal_checked_as_a_chain_passes() -> None:
    assert proof(plain(checked=True, chained=True)).broken == ()


def test_a_folder_of_the_platter_forgets_what_no_sync_covered() -> None:
    """The model of the disk itself: states that must be among the crashes, and states that must not."""
    disk = PlatterDisk(Platter({1: b"old"}, {"a": 1}))
    handle = disk.open(Path("/x/a"))
    disk.write(handle, 3, b"-" * 600)
    found = {dict(platter.seen())["a"] for platter in crashes(disk.start, disk.steps, 512, SeededEntropy(1))}
    # dropped; torn at byte 512 either way round; only the length; whole
    assert b"old" in found and b"old" + b"-" * 600 in found
    assert b"old" + b"-" * 509 in found and b"old" + bytes(509) + b"-" * 91 in found and b"old" + bytes(600) in found
    disk.sync_data(handle)
    found = {dict(platter.seen())["a"] for platter in crashes(disk.start, disk.steps, 512, SeededEntropy(1))}
    assert found == {b"old" + b"-" * 600}
    disk.rename(Path("/x/a"), Path("/x/b"))
    names = {tuple(dict(platter.seen())) for platter in crashes(disk.start, disk.steps, 512, SeededEntropy(1))}
    assert names == {("a",), ("b",)}
    disk.sync_folder(Path("/x"))
    names = {tuple(dict(platter.seen())) for platter in crashes(disk.start, disk.steps, 512, SeededEntropy(1))}
    assert names == {("b",)}


class Recorded(OsDisk):
    """The disk of this machine, noting what it is asked in the words of the platter."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def open(self, path: Path, *, new: bool = False) -> int:
        fresh = new and not path.exists()
        if new:
            self.steps.append("name" if fresh else "length 0")
        return super().open(path, new=new)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self.steps.append(f"write {offset}+{len(data)}")
        super().write(handle, offset, data)

    def truncate(self, handle: int, length: int) -> None:
        self.steps.append(f"length {length}")
        super().truncate(handle, length)

    def sync_data(self, handle: int) -> None:
        self.steps.append("sync data")
        super().sync_data(handle)

    def sync(self, handle: int) -> None:
        self.steps.append("sync")
        super().sync(handle)

    def rename(self, source: Path, target: Path) -> None:
        self.steps.append(f"rename {source.name} {target.name}")
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self.steps.append("sync folder")
        super().sync_folder(folder)


def words(steps: list[object]) -> list[str]:
    said = []
    for step in steps:
        if isinstance(step, Write):
            said.append(f"write {step.offset}+{len(step.data)}")
        elif isinstance(step, Length):
            said.append(f"length {step.length}")
        elif isinstance(step, Name):
            said.append(f"rename {step.gone} {step.name}" if step.gone else "name")
        elif isinstance(step, Sync):
            said.append("sync folder" if step.inode < 0 else "sync data" if step.data_only else "sync")
    return said


def test_the_real_disk_is_asked_the_same_as_the_platter(tmp_path: Path) -> None:
    """What was proven on the platter is what happens on a machine: same calls, same bytes."""
    witness = life()
    real = Recorded()
    path = tmp_path / CHIP.name
    create_file(path, BORN, real)
    for part in (COMMITS[:3], COMMITS[3:]):
        storage = FileStorage(path, real)
        for changes in part:
            storage.append(changes)
        storage.close()
    assert real.steps == words(list(witness.disk.steps))
    at_the_end = list(crashes(witness.disk.start, witness.disk.steps, 512, SeededEntropy(1)))
    assert dict(at_the_end[0].seen())[CHIP.name] == path.read_bytes()


class Failing(OsDisk):
    """A disk whose syncs fail while `broken`."""

    broken = False

    def sync_data(self, handle: int) -> None:
        if self.broken:
            raise OSError(5, "Input/output error")
        super().sync_data(handle)


def test_after_a_failed_sync_nothing_more_is_promised(tmp_path: Path) -> None:
    path, disk = tmp_path / "one.chip", Failing()
    create_file(path, BORN, disk)
    storage = FileStorage(path, disk)
    disk.broken = True
    with pytest.raises(ChipFileError):
        storage.append({"purse": b"richer!!"})
    disk.broken = False
    with pytest.raises(ChipFileError):
        storage.append({"purse": b"richest!"})
    storage.close()
    again = FileStorage(path, disk)
    assert again.load() == BORN
    again.append({"purse": b"at last!"})
    with pytest.raises(ChipBusyError):
        FileStorage(path, disk)
    again.close()


def test_a_file_of_the_first_edition_is_taken_over(tmp_path: Path) -> None:
    """Records of that edition carry a check each for itself."""
    path = tmp_path / "one.chip"
    create_file(path, {"kind": b"card", "a": b"1"})
    first = path.read_bytes()[8:]
    payload = b"\x01a" + (1).to_bytes(4, "big") + b"2"
    second = struct.pack(">II", len(payload), zlib.crc32(payload)) + payload
    path.write_bytes(b"OCCHIP1\n" + first + second)
    storage = FileStorage(path)
    assert storage.load() == {"kind": b"card", "a": b"2"}
    storage.append({"a": b"3"})
    storage.close()
    assert path.read_bytes().startswith(b"OCCHIP2\n")
    storage = FileStorage(path)
    assert storage.load()["a"] == b"3"
    storage.close()


def test_sectors_of_both_sizes_are_looked_at() -> None:
    assert SECTORS == (512, 4096)


# ---- whole chips ----------------------------------------------------------------------------------------------------


def test_a_card_and_a_module_lose_nothing() -> None:
    """Load, rides, PIN, records, keys by the host's own commands: whole states only, and no told fen is taken back."""
    for name, life in zip(("card", "module"), live(), strict=True):
        verdict = judge_life(life)
        print(f"power loss, {name}: {verdict.cuts} cuts, {verdict.states} states, {verdict.bad} bad")
        assert verdict.broken == ()
        assert len(life.told) >= 2 and verdict.states > verdict.cuts


def test_a_module_that_answers_before_its_sequence_is_durable_is_found_out() -> None:
    """keys-and-purse §1.7: the terminal sequence is on the medium before MAC1 leaves."""
    maker = careless("sync_data")
    _, module = live(maker)
    verdict = judge_life(module, maker)
    assert any("sequence" in line and "told" in line for line in verdict.broken)


def test_a_card_whose_debit_is_not_durable_is_found_out() -> None:
    maker = careless("sync_data")
    card, _ = live(maker)
    assert any("purse/EP" in line and "told" in line for line in judge_life(card, maker).broken)


DISK_CALLS = {
    "open",
    "write",
    "write_bytes",
    "write_text",
    "unlink",
    "rename",
    "replace",
    "truncate",
    "pwrite",
    "mkdir",
}
CHIP_SOURCES = Path(__file__).resolve().parents[2] / "firmware_sim" / "card"


def reaches_out(source: str) -> list[str]:
    """Calls that could change a file, by line: `open(...)`, `os.x`, `path.x`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in DISK_CALLS:
            found.append(f"{node.lineno}: {ast.unparse(node.func)}")
        elif isinstance(node.func, ast.Name) and node.func.id == "open":
            found.append(f"{node.lineno}: open")
    return [call for call in found if not call.split(": ")[1].startswith(("dataclasses.replace", "self._hash"))]


def test_only_the_store_writes() -> None:
    """Every non-volatile write of a chip goes through the journalled store, and the store through its disk port."""
    files = [*CHIP_SOURCES.glob("*.py"), CHIP_SOURCES.parent / "psam.py"]
    loose = {path.name: calls for path in files if path.name != "disk.py" and (calls := reaches_out(path.read_text()))}
    assert set(loose) == {"store.py"}
    assert all("disk." in call for call in loose["store.py"])
    assert reaches_out("import os\nos.write(1, b'')\nopen('x')") == ["2: os.write", "3: open"]
