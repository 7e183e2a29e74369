"""Many cards at once: one thread an encoder slot, one chip a transaction, nothing lost when the power goes.

A run that stopped is continued by running again: makings left behind are resumed on their own chip when it is in the
tray, and counted as spoiled when it is not, because another chip must never get the same identity.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from card.domain.clock import monotonic_ms
from card.errors import CardError, CardLostError, DaemonMissingError, ReaderLostError
from issuance.errors import (
    ChipRefusedError,
    DuplicateHolderError,
    ReadBackError,
    StockShortError,
    UnknownSubjectError,
)
from issuance.personalization.machine import Certificate, ChipFacts, Machine
from issuance.personalization.makings import MakingBook, OpenMaking
from issuance.personalization.script import Script

LEFT_BEHIND = "chip not in the tray after a stop"


@dataclass(frozen=True, slots=True)
class MadeCard:
    """A card that came out good, and the chip it is on."""

    card_id: str
    card_no: str
    order_id: str
    chip: Path
    slot: str
    milliseconds: int
    certificate: Certificate = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """One card more, or one chip less. `stage`: good, spoiled, set_aside, slot_stopped."""

    stage: str
    slot: str
    order_id: str
    card_no: str
    good: int
    spoiled: int
    total: int


@dataclass(frozen=True, slots=True)
class BatchResult:
    """`set_aside` chips were refused before anything was bound to them: they are still blank, or not ours."""

    cards: tuple[MadeCard, ...]
    spoiled: tuple[tuple[Path, str], ...]
    set_aside: tuple[tuple[Path, str], ...]
    stopped_slots: tuple[str, ...]
    waiting: int


ProgressCallback: TypeAlias = Callable[[Progress], None]


@dataclass(slots=True)
class _Job:
    """A chip for an order; `making` when the chip was begun in an earlier run."""

    chip: Path
    order_id: str
    making: OpenMaking | None = None


class _Tray:
    """Chips and orders of a run, shared by its slots."""

    def __init__(self, resumed: Sequence[_Job], chips: Sequence[Path], orders: Sequence[str]) -> None:
        begun = {job.chip for job in resumed}
        self._lock = threading.Lock()
        self._resumed = deque(resumed)
        self._chips = deque(chip for chip in chips if chip not in begun)
        self._orders = deque(orders)
        self.total = len(resumed) + min(len(self._orders), len(self._chips))

    def next(self) -> _Job | None:
        """Begun chips first; None when there is no chip or no order left."""
        with self._lock:
            if self._resumed:
                return self._resumed.popleft()
            if not self._orders or not self._chips:
                return None
            return _Job(self._chips.popleft(), self._orders.popleft())

    def take_back(self, job: _Job) -> None:
        """Nothing happened: another slot may have chip and order."""
        with self._lock:
            if job.making is None:
                self._chips.appendleft(job.chip)
                self._orders.appendleft(job.order_id)
            else:
                self._resumed.appendleft(job)

    def order_again(self, order_id: str, *, first: bool) -> None:
        with self._lock:
            if first:
                self._orders.appendleft(order_id)
            else:
                self._orders.append(order_id)

    def chip_again(self, chip: Path) -> None:
        with self._lock:
            self._chips.appendleft(chip)


class BatchRun:
    """One run over a tray of chips."""

    def __init__(self, book: MakingBook, machines: Mapping[str, Machine], progress: ProgressCallback) -> None:
        self._book = book
        self._machines = machines
        self._progress = progress
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._tray = _Tray((), (), ())
        self._cards: list[MadeCard] = []
        self._spoiled: list[tuple[Path, str]] = []
        self._set_aside: list[tuple[Path, str]] = []
        self._stopped: list[str] = []

    def run(self, chips: Sequence[Path]) -> BatchResult:
        """Until chips or orders are used up. A fault of ours ends every slot after its present card and is raised."""
        for machine in self._machines.values():
            machine.release()  # what a stopped run left in a slot goes back to the tray
        resumed = self._recover(chips)
        self._tray = _Tray(resumed, chips, self._book.waiting_orders())
        with ThreadPoolExecutor(max_workers=max(1, len(self._machines))) as pool:
            for future in [pool.submit(self._slot, slot) for slot in self._machines]:
                future.result()
        return BatchResult(
            cards=tuple(self._cards),
            spoiled=tuple(self._spoiled),
            set_aside=tuple(self._set_aside),
            stopped_slots=tuple(self._stopped),
            waiting=len(self._book.waiting_orders()),
        )

    def _recover(self, chips: Sequence[Path]) -> list[_Job]:
        tray = {str(chip): chip for chip in chips}
        resumed: list[_Job] = []
        for making in self._book.unfinished():
            if making.chip in tray:
                resumed.append(_Job(tray[making.chip], making.order_id, making))
            else:
                self._book.spoiled(making.card_id, LEFT_BEHIND)
                self._spoiled.append((Path(making.chip), LEFT_BEHIND))
        return resumed

    def _slot(self, slot: str) -> None:
        machine = self._machines[slot]
        try:
            while not self._stop.is_set() and (job := self._tray.next()) is not None:
                self._one(slot, machine, job)
        except (ReaderLostError, DaemonMissingError):
            # What was begun here stays open; the next run resumes it on the same chip.
            self._stopped.append(slot)
            self._tell("slot_stopped", slot, "", "")
        except BaseException:
            self._stop.set()
            raise
        machine.release()

    def _one(self, slot: str, machine: Machine, job: _Job) -> None:
        started = monotonic_ms()
        try:
            facts = machine.take(job.chip)
            script = self._script_for(job, slot, facts)
        except (ReaderLostError, DaemonMissingError):
            self._tray.take_back(job)
            raise
        except (CardError, ChipRefusedError, StockShortError) as bad:
            self._refuse(slot, job, bad.code)
            return
        except DuplicateHolderError:
            self._tray.chip_again(job.chip)
            return
        card_id = script.identity.card_id.hex
        try:
            certificate = self._burn(machine, job.chip, script)
        except (ReaderLostError, DaemonMissingError):
            raise
        except (CardError, ChipRefusedError, ReadBackError) as bad:
            self._spoil(slot, job, card_id, f"{bad.code} {bad}")
            return
        self._book.good(card_id, certificate)
        number = script.identity.card_no.text
        took = monotonic_ms() - started
        self._cards.append(MadeCard(card_id, number, job.order_id, job.chip, slot, took, certificate))
        self._tell("good", slot, job.order_id, number)

    def _script_for(self, job: _Job, slot: str, facts: ChipFacts) -> Script:
        if job.making is None:
            if not facts.blank:
                raise ChipRefusedError("the chip is not blank")
            return self._book.bind(job.order_id, job.chip, slot, facts.batch)
        try:
            script = self._book.script_of(job.making.card_id)
        except UnknownSubjectError as changed:
            raise ChipRefusedError(str(changed)) from None
        tail = (script.identity.region.bcd, script.identity.chip_serial)
        if not facts.blank and (facts.region, facts.serial) != tail:
            raise ChipRefusedError("the chip carries another card's serial")
        return script

    @staticmethod
    def _burn(machine: Machine, chip: Path, script: Script) -> Certificate:
        """Burn and read back; a chip that slipped away is taken once more and burned from the beginning."""
        try:
            machine.burn(script)
            return machine.read_back(script)
        except CardLostError:
            machine.take(chip)
            machine.burn(script)
            return machine.read_back(script)

    def _refuse(self, slot: str, job: _Job, reason: str) -> None:
        if job.making is not None:
            self._spoil(slot, job, job.making.card_id, reason)
            return
        self._tray.order_again(job.order_id, first=True)
        self._set_aside.append((job.chip, reason))
        self._tell("set_aside", slot, job.order_id, "")

    def _spoil(self, slot: str, job: _Job, card_id: str, reason: str) -> None:
        again = self._book.spoiled(card_id, reason)
        self._spoiled.append((job.chip, reason))
        if again:
            self._tray.order_again(job.order_id, first=False)
        self._tell("spoiled", slot, job.order_id, "")

    def _tell(self, stage: str, slot: str, order_id: str, card_no: str) -> None:
        with self._lock:
            good, spoiled = len(self._cards), len(self._spoiled)
            self._progress(Progress(stage, slot, order_id, card_no, good, spoiled, self._tray.total))
