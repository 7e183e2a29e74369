"""Faults a chip can suffer: power lost around a non-volatile write, or around an answer."""

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["tear_before_write", "tear_after_write", "drop_answer", "tear_after_answer", "cut"]
ANY_INS = -1
# The places at which power can go, in the order in which a command passes them.
PLACES: tuple[FaultKind, ...] = ("tear_before_write", "tear_after_write", "drop_answer", "tear_after_answer")
# "cut" counts every place: one number names one moment of a whole session.
KINDS: tuple[FaultKind, ...] = (*PLACES, "cut")


class PowerLostError(Exception):
    """The chip has lost its power in the middle of a command; no answer leaves it."""


@dataclass(frozen=True)
class Fault:
    """One power cut: at the `nth` write (or answer) of commands with instruction byte `ins`, counted from arming.

    `ins` ANY_INS counts every command. "tear_after_answer" lets the answer out and takes the power then.
    """

    kind: FaultKind
    ins: int
    nth: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault of kind {self.kind!r}")
        if not ANY_INS <= self.ins <= 0xFF or self.nth < 1:
            raise ValueError("ins is one byte or ANY_INS, and nth counts from 1")


class FaultPlan:
    """The faults armed in one reader slot; each fires once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._left: list[int] = []
        self._ins = -1

    def arm(self, fault: Fault) -> None:
        """Let `fault` happen once."""
        self._faults.append(fault)
        self._left.append(fault.nth)

    def clear(self) -> None:
        """Disarm everything."""
        self._faults.clear()
        self._left.clear()

    @property
    def armed(self) -> tuple[Fault, ...]:
        """Faults that have not fired yet."""
        return tuple(self._faults)

    @property
    def ins(self) -> int:
        """Instruction byte of the command under way, -1 before the first."""
        return self._ins

    def begin(self, ins: int) -> None:
        """A command with instruction byte `ins` starts."""
        self._ins = ins

    def before_write(self) -> None:
        """Raises PowerLostError when a fault is due before this non-volatile write."""
        self.reach("tear_before_write")

    def after_write(self) -> None:
        """Raises PowerLostError when a fault is due after this non-volatile write."""
        self.reach("tear_after_write")

    def before_answer(self) -> None:
        """Raises PowerLostError when this answer is to be lost."""
        self.reach("drop_answer")

    def after_answer(self) -> None:
        """Raises PowerLostError when power goes after this answer has left the chip."""
        self.reach("tear_after_answer")

    def reach(self, place: FaultKind) -> None:
        """The chip is at `place`. Raises PowerLostError when a fault is due here."""
        for at, fault in enumerate(self._faults):
            if fault.kind not in (place, "cut") or fault.ins not in (ANY_INS, self._ins):
                continue
            self._left[at] -= 1
            if self._left[at] == 0:
                del self._faults[at], self._left[at]
                raise PowerLostError(f"{place} of INS {self._ins:02X}")
