"""Cut an operation at every moment at which a chip can lose its power, and let the next session find out.

An operation opens a fresh scene for every cut: chips, terminal, journal, all as they were. The first session runs until
the power goes; the torn chip comes back as it is; the host's own recovery runs; then everything is counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from firmware_sim.card.cuts import CutPlan, CutPoint, MachineDiedError
from firmware_sim.card.faults import FaultPlan, PowerLostError
from firmware_sim.card.slot import Slot
from terminal.screen import Screen

Ended: TypeAlias = Literal["completed", "undone"]
NAME = 60  # columns


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of it. `said` are the screens of torn and next session, in order; `wrong` what is amiss."""

    ended: Ended
    said: tuple[Screen, ...]
    wrong: tuple[str, ...]


class Scene(Protocol):
    """One fresh start of an operation."""

    @property
    def slot(self) -> Slot:
        """The chip that is cut."""
        ...

    def run(self) -> None:
        """The operation as the host does it; a lost chip is the host's affair and no exception."""
        ...

    def settle(self, again: FaultPlan) -> Settled:
        """The chip is back in its slot under plan `again`: the next session, and the count of everything afterwards.

        When `again` takes the power once more, the session after that must settle it all the same.
        """
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is done to a chip. `open` starts it afresh, the same to the byte each time.

    `machine`: what loses its power is the whole terminal; what it had not made durable is gone.
    """

    name: str
    zh: str
    open: Callable[[], Scene]
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut and its ending."""

    point: CutPoint
    settled: Settled


@dataclass(frozen=True, slots=True)
class Enumeration:
    """All cuts of one operation."""

    operation: Operation
    points: tuple[CutPoint, ...]
    cuts: tuple[Cut, ...]

    @property
    def writes(self) -> int:
        """Non-volatile writes of the operation when nothing happens to it."""
        return sum(point.place == "tear_before_write" for point in self.points)

    @property
    def answers(self) -> int:
        return sum(point.place == "drop_answer" for point in self.points)

    def ended(self, how: Ended) -> int:
        return sum(cut.settled.ended == how for cut in self.cuts)

    @property
    def wrong(self) -> tuple[str, ...]:
        """One line for each thing that is amiss, with its cut."""
        return tuple(f"{self.operation.name} {cut.point}: {what}" for cut in self.cuts for what in cut.settled.wrong)

    @property
    def screens(self) -> Counter[str]:
        """How often each screen was the last word."""
        return Counter(cut.settled.said[-1].code for cut in self.cuts)


def count(operation: Operation) -> tuple[CutPoint, ...]:
    """Every moment of the operation, uncut."""
    scene, plan = operation.open(), CutPlan()
    scene.slot.suffer(plan)
    scene.run()
    return tuple(plan.points)


def cut_at(operation: Operation, number: int, again: FaultPlan | None = None) -> Cut:
    """Run it and take the power at moment `number`; ValueError when it does not have so many.

    `again` reigns in the next session: a `CutPlan` counts its moments, or cuts once more.
    """
    scene = operation.open()
    plan = CutPlan(number, lost=MachineDiedError if operation.machine else PowerLostError)
    scene.slot.suffer(plan)
    with suppress(MachineDiedError):
        scene.run()
    if not plan.fired:
        raise ValueError(f"{operation.name} has no moment {number}")
    scene.slot.suffer(FaultPlan())
    settled = scene.settle(again or FaultPlan())
    silent = tuple(f"{shown.code} says nothing" for shown in settled.said if not (shown.zh and shown.en))
    nothing = () if settled.said else ("the terminal said nothing",)
    return Cut(plan.points[-1], Settled(settled.ended, settled.said, settled.wrong + silent + nothing))


def enumerate_cuts(operation: Operation, only: Sequence[int] | None = None) -> Enumeration:
    """Cut at every moment, or at the numbers in `only`."""
    points = count(operation)
    wanted = range(1, len(points) + 1) if only is None else only
    return Enumeration(operation, points, tuple(cut_at(operation, number) for number in wanted))


def cut_twice(operation: Operation, only: Sequence[int] | None = None) -> Enumeration:
    """Cut, and cut the next session at every one of its moments too; the points are those of the first cut."""
    points = count(operation)
    cuts = []
    for number in range(1, len(points) + 1) if only is None else only:
        second = CutPlan()
        cut_at(operation, number, second)
        cuts += [cut_at(operation, number, CutPlan(place)) for place in range(1, len(second.points) + 1)]
    return Enumeration(operation, points, tuple(cuts))


def table(found: Iterable[Enumeration]) -> list[str]:
    """A line for each operation and their sum, for people."""
    lines = [f"{'operation':{NAME}} answers writes  cuts completed undone wrong"]
    total = [0, 0, 0, 0, 0, 0]
    for item in found:
        name = f"{item.operation.name} {item.operation.zh}"
        numbers = [
            item.answers,
            item.writes,
            len(item.cuts),
            item.ended("completed"),
            item.ended("undone"),
            len(item.wrong),
        ]
        total = [sum(pair) for pair in zip(total, numbers, strict=True)]
        lines.append(_row(name, numbers))
    lines.append(_row("all", total))
    return lines


def _row(name: str, numbers: Sequence[int]) -> str:
    wide = sum(ord(letter) > 0x2E7F for letter in name)  # Chinese letters take two columns
    cells = zip(numbers, (7, 6, 5, 9, 6, 5), strict=True)
    return name.ljust(NAME - wide) + " " + " ".join(f"{number:>{width}}" for number, width in cells)
