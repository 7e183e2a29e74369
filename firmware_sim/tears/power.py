"""A chip's file against power loss: record what its store asks of the disk, cut everywhere, restart everywhere.

What is promised: before a chip is made there is no file; a commit that has returned is there after any cut; one under
way is there whole or not at all; opening and rewriting the file change nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from card.domain.entropy import Entropy
from firmware_sim.card.disk import Disk
from firmware_sim.card.store import ChipFileError, FileStorage, Storage, apply, create_file
from firmware_sim.tears.platter import SECTORS, Platter, PlatterDisk, Promise, Verdict, judge

CHIP = Path("/chip/one.chip")
Values = Mapping[str, bytes]
Changes = Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Maker:
    """How a store makes and opens its file: the real one, or one broken on purpose."""

    create: Callable[[Path, Values, Disk], None] = create_file
    open: Callable[[Path, Disk], Storage] = FileStorage


REAL = Maker()


class Witness:
    """A store that notes what it has promised, step by step."""

    def __init__(self, disk: PlatterDisk, maker: Maker = REAL, before: Values | None = None) -> None:
        """`before` is what the platter holds already; None when there is no chip yet."""
        self.disk = disk
        self._maker = maker
        self._state: Values | None = before
        self.promises = [Promise(0, (before,))]
        self._storage: Storage | None = None

    def create(self, values: Values) -> None:
        """Make the chip."""
        self._under_way(dict(values))
        self._maker.create(CHIP, values, self.disk)
        self._done(dict(values))

    def open(self) -> None:
        """Put it into a reader: what it holds does not change."""
        self._storage = self._maker.open(CHIP, self.disk)

    def load(self) -> dict[str, bytes]:
        return self._opened().load()

    def append(self, changes: Changes) -> None:
        after = dict(self._state or {})
        apply(after, changes)
        self._under_way(after)
        self._opened().append(changes)
        self._done(after)

    def close(self) -> None:
        if self._storage is not None:
            self._storage.close()
            self._storage = None

    def _opened(self) -> Storage:
        if self._storage is None:
            self.open()
        if self._storage is None:
            raise ValueError("the maker opened nothing")
        return self._storage

    def _under_way(self, after: Values) -> None:
        self.promises.append(Promise(len(self.disk.steps), (self._state, after)))

    def _done(self, after: Values) -> None:
        self._state = after
        self.promises.append(Promise(len(self.disk.steps), (after,)))


def restart_with(maker: Maker) -> Callable[[Platter], Values | None]:
    """What a restart of this maker's store finds on a platter; None when there is no chip."""

    def restart(platter: Platter) -> Values | None:
        disk = PlatterDisk(platter)
        if not disk.exists(CHIP):
            return None
        try:
            storage = maker.open(CHIP, disk)
        except ChipFileError as damaged:
            raise ValueError(str(damaged)) from damaged
        try:
            return storage.load()
        finally:
            storage.close()

    return restart


def prove(witness: Witness, entropy: Entropy, maker: Maker = REAL, sectors: Sequence[int] = SECTORS) -> Verdict:
    """Cut everything the witness saw, at every sector size."""
    verdicts = [judge(witness.disk, witness.promises, restart_with(maker), size, entropy) for size in sectors]
    return Verdict(
        sum(v.cuts for v in verdicts),
        sum(v.states for v in verdicts),
        sum(v.bad for v in verdicts),
        tuple(line for v in verdicts for line in v.broken),
    )
