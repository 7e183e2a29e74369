"""One reader slot: holds a chip or nothing, gives it power, and loses it when a fault tears it away."""

import threading
from typing import Protocol

from firmware_sim.card.dispatch import InterfaceError
from firmware_sim.card.faults import Fault, FaultPlan, PowerLostError


class EmptySlotError(Exception):
    """No chip, or it has just been torn away."""


class Chip(Protocol):
    """What a slot needs of a card or a PSAM in software."""

    @property
    def atr(self) -> bytes:
        """Answer to reset."""
        ...

    def power_on(self, interface: str = "contact", protocol: str = "") -> None:
        """Start a session with nothing granted; also a warm reset. Raises InterfaceError."""
        ...

    def process(self, apdu: bytes) -> bytes:
        """One command; data || SW1 SW2. Raises PowerLostError."""
        ...

    def plan_faults(self, plan: FaultPlan) -> None:
        """From now on suffer what `plan` says."""
        ...

    def close(self) -> None:
        """Let go of the state file."""
        ...


class Slot:
    """A place for one chip. Safe to use from the reader's thread and the controller's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._chip: Chip | None = None
        self._faults = FaultPlan()
        self._lock = threading.RLock()
        self._powered = False
        self._line = ("contact", "")
        self.lag_ms = 0  # how much later than the chip the line answers
        self.generation = 0  # counts insertions: a channel opened before the last one is dead

    @property
    def occupied(self) -> bool:
        """A chip is in the slot."""
        return self._chip is not None

    @property
    def chip(self) -> Chip | None:
        """What is in the slot."""
        return self._chip

    def insert(self, chip: Chip) -> None:
        """Put `chip` in; ValueError when the slot is taken."""
        with self._lock:
            if self._chip is not None:
                raise ValueError(f"slot {self.name} is taken")
            chip.plan_faults(self._faults)
            self._chip = chip
            self._powered = False
            self.generation += 1

    def eject(self) -> None:
        """Take the chip out, whatever it is doing; an empty slot stays empty."""
        with self._lock:
            if self._chip is not None:
                self._chip.close()
            self._chip = None

    def use_line(self, interface: str, protocol: str = "") -> None:
        """What reader this is from now on: `contact`, with a protocol (the chip's first when empty), or `contactless`.

        The chip is powered anew at the next request; one that does not offer the line is as good as not there.
        """
        with self._lock:
            self._line = (interface, protocol)
            self._powered = False

    def suffer(self, plan: FaultPlan) -> None:
        """From now on `plan` decides when power goes, for this chip and the next ones."""
        with self._lock:
            self._faults = plan
            if self._chip is not None:
                self._chip.plan_faults(plan)

    def arm(self, fault: Fault) -> None:
        """Let `fault` happen to this chip, or to the next one put in."""
        self._faults.arm(fault)

    def disarm(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    def atr(self) -> bytes:
        """The ATR; gives power on the first request. Raises EmptySlotError."""
        with self._lock:
            chip = self._present()
            if not self._powered:
                self._power(chip)
            return chip.atr

    def reset(self) -> bytes:
        """Warm or cold reset: session lost, ATR. Raises EmptySlotError."""
        with self._lock:
            chip = self._present()
            self._power(chip)
            return chip.atr

    def exchange(self, apdu: bytes) -> bytes:
        """One command. Raises EmptySlotError when no chip is there or it is lost during the command."""
        with self._lock:
            chip = self._present()
            if not self._powered:
                self._power(chip)
            try:
                answer = chip.process(apdu)
            except PowerLostError:
                self.eject()
                raise EmptySlotError(f"the chip in {self.name} was torn away") from None
            try:
                self._faults.after_answer()
            except PowerLostError:
                self.eject()  # the answer is out; the next command finds nobody
            return answer

    def _present(self) -> Chip:
        if self._chip is None:
            raise EmptySlotError(f"slot {self.name} is empty")
        return self._chip

    def _power(self, chip: Chip) -> None:
        try:
            chip.power_on(*self._line)
        except InterfaceError as silent:
            raise EmptySlotError(f"the chip in {self.name} does not answer: {silent}") from None
        self._powered = True
