"""A disk in memory that knows what has been synced and what has not, and what a power cut can make of it.

Rules, harder than any common file system is: what a sync has not covered may be there or not, each part for itself and
in any order. A write is torn at the sectors' borders; a file may have its new length with old or empty sectors in it;
a rename or a new name may be missing until the folder is synced. A rename itself is one step.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from card.domain.entropy import Entropy

SECTORS = (512, 4096)
EVERY_SUBSET_UP_TO = 11  # loose parts; above it prefixes, single parts, single gaps and `SAMPLED` random subsets
SAMPLED = 200
Fill: TypeAlias = Literal["zeros", "old"]
FILLS: tuple[Fill, ...] = ("zeros", "old")


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes put into a file."""

    inode: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Length:
    """A file cut off, or lengthened without bytes."""

    inode: int
    length: int


@dataclass(frozen=True, slots=True)
class Name:
    """`name` leads to `inode` from now on; `gone` is the name it had before, if any."""

    name: str
    inode: int
    gone: str = ""


@dataclass(frozen=True, slots=True)
class Sync:
    """A file (`inode`) or the folder (-1) is durable; `data_only` as fdatasync."""

    inode: int
    data_only: bool = False


FOLDER = -1
Step: TypeAlias = Write | Length | Name | Sync
Loose: TypeAlias = Write | Length | Name


@dataclass(frozen=True, slots=True)
class Platter:
    """What is durable: bytes of each inode, and the names."""

    files: Mapping[int, bytes]
    names: Mapping[str, int]

    def seen(self) -> tuple[tuple[str, bytes], ...]:
        """Names and contents, as the next start finds them."""
        return tuple(sorted((name, self.files.get(inode, b"")) for name, inode in self.names.items()))


EMPTY = Platter({}, {})


class PlatterDisk:
    """The disk port of the chip's store over a platter; `steps` tells everything that was asked of it, in order."""

    def __init__(self, start: Platter = EMPTY) -> None:
        self.start = start
        self.steps: list[Step] = []
        self._files = {inode: bytearray(start.files.get(inode, b"")) for inode in {*start.files, *start.names.values()}}
        self._names = dict(start.names)
        self._handles: dict[int, int] = {}
        self._locked: dict[int, int] = {}
        self._numbers = itertools.count(max(self._files, default=0) + 1)

    def open(self, path: Path, *, new: bool = False) -> int:
        inode = self._names.get(path.name)
        if inode is None:
            if not new:
                raise FileNotFoundError(2, "No such file or directory", str(path))
            inode = next(self._numbers)
            self._files[inode] = bytearray()
            self._names[path.name] = inode
            self.steps.append(Name(path.name, inode))
        elif new:
            del self._files[inode][:]
            self.steps.append(Length(inode, 0))
        handle = next(self._numbers)
        self._handles[handle] = inode
        return handle

    def lock(self, handle: int) -> None:
        if self._locked.setdefault(self._handles[handle], handle) != handle:
            raise BlockingIOError(11, "Resource temporarily unavailable")

    def read(self, handle: int) -> bytes:
        return bytes(self._files[self._handles[handle]])

    def write(self, handle: int, offset: int, data: bytes) -> None:
        inode = self._handles[handle]
        content = self._files[inode]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data
        self.steps.append(Write(inode, offset, bytes(data)))

    def truncate(self, handle: int, length: int) -> None:
        inode = self._handles[handle]
        del self._files[inode][length:]
        self.steps.append(Length(inode, length))

    def sync_data(self, handle: int) -> None:
        self.steps.append(Sync(self._handles[handle], data_only=True))

    def sync(self, handle: int) -> None:
        self.steps.append(Sync(self._handles[handle]))

    def close(self, handle: int) -> None:
        inode = self._handles.pop(handle)
        if self._locked.get(inode) == handle:
            del self._locked[inode]

    def rename(self, source: Path, target: Path) -> None:
        inode = self._names.pop(source.name)
        self._names[target.name] = inode
        self.steps.append(Name(target.name, inode, source.name))

    def sync_folder(self, folder: Path) -> None:
        self.steps.append(Sync(FOLDER))

    def exists(self, path: Path) -> bool:
        return path.name in self._names


def crashes(start: Platter, steps: Sequence[Step], sector: int, entropy: Entropy) -> Iterator[Platter]:
    """Every platter (see `EVERY_SUBSET_UP_TO`) that a power cut right after `steps` can leave, each once."""
    durable, loose = settle(start, steps)
    parts = [part for step in loose for part in _parts(step, sector)]
    seen: set[tuple[tuple[str, bytes], ...]] = set()
    for chosen in _subsets(len(parts), entropy):
        for fill in FILLS:
            platter = _lay(durable, [parts[place] for place in chosen], fill)
            if (look := platter.seen()) not in seen:
                seen.add(look)
                yield platter


def settle(start: Platter, steps: Sequence[Step]) -> tuple[Platter, list[Loose]]:
    """What is durable for certain after `steps`, and what is loose, in order."""
    loose: list[Loose] = []
    durable = start
    for step in steps:
        if isinstance(step, Sync):
            done = [item for item in loose if _covered(item, step)]
            loose = [item for item in loose if not _covered(item, step)]
            durable = _lay(durable, done, "zeros")
        else:
            loose.append(step)
    return durable, loose


def _covered(item: Loose, sync: Sync) -> bool:
    return sync.inode == (FOLDER if isinstance(item, Name) else item.inode)


def _parts(step: Loose, sector: int) -> Iterator[Loose]:
    """A write falls apart at the sectors' borders, and the file's new length is a part of its own."""
    if not isinstance(step, Write):
        yield step
        return
    yield Length(step.inode, -(step.offset + len(step.data)))
    at = step.offset
    end = step.offset + len(step.data)
    while at < end:
        border = min(end, (at // sector + 1) * sector)
        yield Write(step.inode, at, step.data[at - step.offset : border - step.offset])
        at = border


def _subsets(count: int, entropy: Entropy) -> Iterator[Sequence[int]]:
    if count <= EVERY_SUBSET_UP_TO:
        for size in range(count + 1):
            yield from itertools.combinations(range(count), size)
        return
    for end in range(count + 1):
        yield range(end)
    for one in range(count):
        yield (one,)
        yield [place for place in range(count) if place != one]
    for _ in range(SAMPLED):
        bits = int.from_bytes(entropy.token((count + 7) // 8), "big")
        yield [place for place in range(count) if bits >> place & 1]


def _lay(durable: Platter, parts: Sequence[Loose], fill: Fill) -> Platter:
    """`parts` laid over what is durable. A negative length grows the file to that size; `fill` is what it grows by."""
    files = dict(durable.files)
    names = dict(durable.names)
    for part in parts:
        if isinstance(part, Name):
            names[part.name] = part.inode
            if part.gone and names.get(part.gone) == part.inode:
                del names[part.gone]
            continue
        content = files.get(part.inode, b"")
        if isinstance(part, Write):
            content = _grown(content, part.offset, fill)
            content = content[: part.offset] + part.data + content[part.offset + len(part.data) :]
        elif part.length < 0:
            content = _grown(content, -part.length, fill)
        else:
            content = content[: part.length]
        files[part.inode] = content
    return Platter(files, names)


def _grown(content: bytes, length: int, fill: Fill) -> bytes:
    """`content` at least `length` long; "old" repeats the file from its beginning, as a reused block may hold it."""
    lack = length - len(content)
    if lack <= 0:
        return content
    old = content[8:] if fill == "old" else b""
    return content + (old * (lack // len(old) + 1))[:lack] if old else content + bytes(lack)


@dataclass(frozen=True, slots=True)
class Promise:
    """From step number `step` on, one of `allowed` must be what a restart finds; None: no file of that name."""

    step: int
    allowed: tuple[Mapping[str, bytes] | None, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many cuts and states were looked at; `broken` says what is wrong with a few of the bad ones."""

    cuts: int
    states: int
    bad: int
    broken: tuple[str, ...]


Restart: TypeAlias = Callable[[Platter], Mapping[str, bytes] | None]
TOLD = 5


def judge(disk: PlatterDisk, promises: Sequence[Promise], restart: Restart, sector: int, entropy: Entropy) -> Verdict:
    """Cut after every step, restart from every state, compare with what was promised then."""
    states = bad = 0
    broken: list[str] = []
    seen: dict[tuple[tuple[str, bytes], ...], Mapping[str, bytes] | str | None] = {}
    for cut in range(len(disk.steps) + 1):
        allowed = [promise for promise in promises if promise.step <= cut][-1].allowed
        for platter in crashes(disk.start, disk.steps[:cut], sector, entropy):
            states += 1
            look = platter.seen()
            if look not in seen:
                seen[look] = _restarted(restart, platter)
            found = seen[look]
            if found not in allowed:
                bad += 1
                if len(broken) < TOLD:
                    broken.append(f"cut after step {cut} of {len(disk.steps)}: {_difference(found, allowed[0])}")
    return Verdict(len(disk.steps) + 1, states, bad, tuple(broken))


def _restarted(restart: Restart, platter: Platter) -> Mapping[str, bytes] | str | None:
    try:
        return restart(platter)
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as untyped:
        return f"{type(untyped).__name__}: {untyped}"


def _difference(found: Mapping[str, bytes] | str | None, wanted: Mapping[str, bytes] | None) -> str:
    if not isinstance(found, Mapping) or wanted is None:
        return f"found {found if isinstance(found, str) else 'no chip' if found is None else 'a chip'}"
    names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    return f"{', '.join(names[:TOLD])} differ from the last state that was promised"
