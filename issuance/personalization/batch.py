"""Many cards at once: one thread an encoder slot, one chip a transaction, nothing lost when the power goes.

A run that stopped is continued by running again: makings left behind are resumed on their own chip when it is in the
tray, and counted as spoiled when it is not, because another chip must never get the same identity. The first chip whose
key is in doubt stops every slot after its present card: what lies behind it in the drawer is not even asked.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from card.domain.clock import monotonic_ms
from card.errors import CardError, CardLostError, DaemonMissingError, ReaderLostError
from issuance.errors import (
    ChipDoubtError,
    ChipRefusedError,
    DuplicateHolderError,
    KeyBudgetError,
    LineStoppedError,
    ReadBackError,
    StockShortError,
    UnknownSubjectError,
)
from issuance.key_budget import EVERYWHERE, LineStop
from issuance.personalization.machine import Certificate, ChipFacts, Machine
from issuance.personalization.makings import MakingBook, OpenMaking
from issuance.personalization.script import Script
from issuance.personalization.tray import Hold, Job, Tray

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
    resumed: bool = False

    @property
    def said(self) -> str:
        """Text code for the operator: made in one go, or finished after the chip had been left half made."""
        return "S-CHIP-RESUMED" if self.resumed else "S-CHIP-MADE"


@dataclass(frozen=True, slots=True)
class Progress:
    """One card more, or one chip less. `stage`: good, spoiled, set_aside, slot_stopped, line_stopped.

    `said` is the text code of a card that came out good.
    """

    stage: str
    slot: str
    order_id: str
    card_no: str
    good: int
    spoiled: int
    total: int
    said: str = ""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """`set_aside` chips were refused before anything was bound to them: they are still blank, or not ours.

    `stops` hold the line: until a second person lifts them nothing more is made of that delivery. `untouched` chips
    were not asked anything because of them.
    """

    cards: tuple[MadeCard, ...]
    spoiled: tuple[tuple[Path, str], ...]
    set_aside: tuple[tuple[Path, str], ...]
    stopped_slots: tuple[str, ...]
    waiting: int
    stops: tuple[LineStop, ...] = ()
    untouched: int = 0


ProgressCallback: TypeAlias = Callable[[Progress], None]


class _Endings:
    """How each chip of a run ended: told to the book, to the tray and to whoever watches."""

    def __init__(self, book: MakingBook, tray: Tray, progress: ProgressCallback) -> None:
        self._book = book
        self._tray = tray
        self._progress = progress
        self._lock = threading.Lock()
        self.hold = Hold()
        self.cards: list[MadeCard] = []
        self.spoiled: list[tuple[Path, str]] = []
        self.set_aside: list[tuple[Path, str]] = []

    def good(self, card: MadeCard) -> None:
        self._book.good(card.card_id, card.certificate)
        self.cards.append(card)
        self._tell("good", card.slot, card.order_id, card.card_no, card.said)

    def refuse(self, slot: str, job: Job, reason: str, batch: str) -> None:
        """Before anything was bound to the chip; one begun earlier is spoiled."""
        if job.making is not None:
            self.spoil(slot, job, job.making.card_id, reason)
            return
        self._lay_aside(slot, job, reason)
        self.halt(slot, job.order_id, self._book.budget.failed(str(job.chip), batch, reason))

    def spoil(self, slot: str, job: Job, card_id: str, reason: str) -> None:
        """The chip is waste, its order is made again on another."""
        again, stop = self._book.spoiled(card_id, reason)
        self.spoiled.append((job.chip, reason))
        if again:
            self._tray.order_again(job.order_id, first=False)
        self._tell("spoiled", slot, job.order_id)
        self.halt(slot, job.order_id, stop)

    def left_behind(self, making: OpenMaking) -> None:
        """The chip of a stopped run is not in the tray."""
        _, stop = self._book.spoiled(making.card_id, LEFT_BEHIND)
        self.spoiled.append((Path(making.chip), LEFT_BEHIND))
        self.halt("", making.order_id, stop)

    def doubt(self, slot: str, job: Job, doubt: ChipDoubtError, card_id: str = "") -> None:
        """The stop is written down first; then the slots are held, then the chip is put where it belongs."""
        bound = card_id or (job.making.card_id if job.making else "")
        batch = doubt.batch.hex() or EVERYWHERE
        stop = self._book.budget.doubt(bound or str(job.chip), batch, doubt.code, str(doubt))
        self.halt(slot, job.order_id, stop)
        if bound:
            self.spoil(slot, job, bound, f"{doubt.code} {doubt}")
        else:
            self._lay_aside(slot, job, doubt.code)

    def halt_known(self, slot: str, order_id: str) -> None:
        """Stops that were in force already, made by another run or another process."""
        for stop in self._book.budget.stops():
            self.halt(slot, order_id, stop)
        self.hold.close()

    def halt(self, slot: str, order_id: str, stop: LineStop | None) -> None:
        """No slot takes another chip in this run. Nothing when there is no `stop`."""
        if stop is not None and self.hold.add(stop):
            self._tell("line_stopped", slot, order_id)

    def slot_stopped(self, slot: str) -> None:
        self._tell("slot_stopped", slot, "")

    def _lay_aside(self, slot: str, job: Job, reason: str) -> None:
        self._tray.order_again(job.order_id, first=True)
        self.set_aside.append((job.chip, reason))
        self._tell("set_aside", slot, job.order_id)

    def _tell(self, stage: str, slot: str, order_id: str, card_no: str = "", said: str = "") -> None:
        with self._lock:
            good, spoiled = len(self.cards), len(self.spoiled)
            self._progress(Progress(stage, slot, order_id, card_no, good, spoiled, self._tray.total, said))


class BatchRun:
    """One run over a tray of chips."""

    def __init__(self, book: MakingBook, machines: Mapping[str, Machine], progress: ProgressCallback) -> None:
        self._book = book
        self._machines = machines
        self._stop = threading.Event()
        self._tray = Tray()
        self._endings = _Endings(book, self._tray, progress)
        self._stopped: list[str] = []

    def run(self, chips: Sequence[Path]) -> BatchResult:
        """Until chips or orders are used up, or a stop of the line is in force.

        A fault of ours ends every slot after its present card and is raised.
        """
        for machine in self._machines.values():
            machine.release()  # what a stopped run left in a slot goes back to the tray
        resumed = self._recover(chips)
        self._tray.fill(resumed, chips, self._book.waiting_orders())
        if any(stop.batch == EVERYWHERE for stop in self._book.budget.stops()):
            self._endings.halt_known("", "")
        with ThreadPoolExecutor(max_workers=max(1, len(self._machines))) as pool:
            for future in [pool.submit(self._slot, slot) for slot in self._machines]:
                future.result()
        ended = self._endings
        return BatchResult(
            cards=tuple(ended.cards),
            spoiled=tuple(ended.spoiled),
            set_aside=tuple(ended.set_aside),
            stopped_slots=tuple(self._stopped),
            waiting=len(self._book.waiting_orders()),
            stops=ended.hold.stops,
            untouched=self._tray.left if ended.hold else 0,
        )

    def _recover(self, chips: Sequence[Path]) -> list[Job]:
        tray = {str(chip): chip for chip in chips}
        resumed: list[Job] = []
        for making in self._book.unfinished():
            if making.chip in tray:
                resumed.append(Job(tray[making.chip], making.order_id, making))
            else:
                self._endings.left_behind(making)
        return resumed

    def _slot(self, slot: str) -> None:
        machine = self._machines[slot]
        try:
            while not (self._stop.is_set() or self._endings.hold) and (job := self._tray.next()) is not None:
                self._one(slot, machine, job)
        except (ReaderLostError, DaemonMissingError):
            # What was begun here stays open; the next run resumes it on the same chip.
            self._stopped.append(slot)
            self._endings.slot_stopped(slot)
        except BaseException:
            self._stop.set()
            raise
        machine.release()

    def _one(self, slot: str, machine: Machine, job: Job) -> None:
        started = monotonic_ms()
        batch = EVERYWHERE
        try:
            facts = machine.take(job.chip)
            batch = facts.batch.hex()
            script = self._script_for(job, slot, facts)
        except (ReaderLostError, DaemonMissingError):
            self._tray.take_back(job)
            raise
        except LineStoppedError:
            self._tray.take_back(job)
            self._endings.halt_known(slot, job.order_id)
        except ChipDoubtError as doubt:
            self._endings.doubt(slot, job, doubt)
        except (CardError, ChipRefusedError, StockShortError, KeyBudgetError) as bad:
            self._endings.refuse(slot, job, bad.code, batch)
        except DuplicateHolderError:
            self._tray.chip_again(job.chip)
        else:
            self._make(slot, machine, job, script, started)

    def _make(self, slot: str, machine: Machine, job: Job, script: Script, started: int) -> None:
        """From here on the chip is bound to its person."""
        card_id = script.identity.card_id.hex
        try:
            certificate, again = self._burn(machine, job.chip, script)
        except (ReaderLostError, DaemonMissingError):
            raise
        except LineStoppedError:  # between two attempts on the same chip: the making stays open
            self._endings.halt_known(slot, job.order_id)
        except ChipDoubtError as doubt:
            self._endings.doubt(slot, job, doubt, card_id)
        except (CardError, ChipRefusedError, ReadBackError, KeyBudgetError) as bad:
            self._endings.spoil(slot, job, card_id, f"{bad.code} {bad}")
        else:
            number = script.identity.card_no.text
            took = monotonic_ms() - started
            resumed = again or job.making is not None
            self._endings.good(MadeCard(card_id, number, job.order_id, job.chip, slot, took, certificate, resumed))

    def _script_for(self, job: Job, slot: str, facts: ChipFacts) -> Script:
        if job.making is None:
            if not facts.blank:
                raise ChipRefusedError("the chip is not blank")
            return self._book.bind(job.order_id, job.chip, slot, facts.batch)
        try:
            script = self._book.resume(job.making.card_id)
        except UnknownSubjectError as changed:
            raise ChipRefusedError(str(changed)) from None
        tail = (script.identity.region.bcd, script.identity.chip_serial)
        if not facts.blank and (facts.region, facts.serial) != tail:
            raise ChipRefusedError("the chip carries another card's serial")
        return script

    def _burn(self, machine: Machine, chip: Path, script: Script) -> tuple[Certificate, bool]:
        """Burn and read back; a chip that slipped away is taken once more and burned from the beginning (True)."""
        try:
            machine.burn(script)
            return machine.read_back(script), False
        except CardLostError:
            machine.take(chip)
            again = self._book.resume(script.identity.card_id.hex)
            machine.burn(again)
            return machine.read_back(again), True
