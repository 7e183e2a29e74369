"""Every moment at which power can go in a chip, numbered, and a plan that takes it at one of them.

A command passes `tear_before_write` and `tear_after_write` around each of its non-volatile writes, then `drop_answer`
and `tear_after_answer` around its answer. Run an operation once under `CutPlan()` to count the moments; run it again
under `CutPlan(k)` to lose the power at the k-th of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware_sim.card.faults import FaultKind, FaultPlan, PowerLostError


class MachineDiedError(BaseException):
    """The terminal's own power goes, and with it that of every chip in it: nothing below can catch it."""


@dataclass(frozen=True, slots=True)
class CutPoint:
    """One moment: its `number` from 1 in the whole session, and where in which command it lies."""

    number: int
    place: FaultKind
    ins: int

    def __str__(self) -> str:
        return f"#{self.number} {self.place} of INS {self.ins:02X}"


class CutPlan(FaultPlan):
    """Numbers the moments a chip passes, and takes its power at number `at` (0: never)."""

    def __init__(
        self,
        at: int = 0,
        watch: Callable[[CutPoint], None] | None = None,
        lost: type[BaseException] = PowerLostError,
    ) -> None:
        """`watch` is told of every moment before anything happens at it; `lost` is raised in the chip's place."""
        super().__init__()
        self._at = at
        self._watch = watch
        self._lost = lost
        self.points: list[CutPoint] = []

    @property
    def fired(self) -> bool:
        """Power has been taken."""
        return 0 < self._at <= len(self.points)

    def reach(self, place: FaultKind) -> None:
        point = CutPoint(len(self.points) + 1, place, self.ins)
        self.points.append(point)
        if self._watch is not None:
            self._watch(point)
        if point.number == self._at:
            raise self._lost(str(point))
        super().reach(place)
