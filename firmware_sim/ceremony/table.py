"""The rehearsal's room: people who confirm everything and know their PINs, and custody cards on a rack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from card.channel import CardChannel
from card.domain.clock import SteppedClock, start_of_business_day
from card.domain.entropy import Entropy, SeededEntropy
from card.errors import NoCardError
from firmware_sim.card.store import MemoryStorage
from firmware_sim.mother_card import CustodyChip, custody_values, make_custody_card
from firmware_sim.rack import DirectRack, Rack
from keys.ceremony.errors import NotConfirmedError
from keys.ceremony.plan import Plan
from keys.ceremony.table import FolderPrinter, Room, Sheet

SLOT: Final = "ceremony"
_START_S: Final = 9 * 3600
_STEP_S: Final = 40
_PIN_DIGITS: Final = 8
Telling = Callable[[str, str], None]


class RehearsedDesk:
    """Everybody confirms; every answer takes a while on the stepped clock. PINs are drawn, one for each person."""

    def __init__(self, entropy: Entropy, clock: SteppedClock, printer: RehearsedPrinter, telling: Telling) -> None:
        self._entropy, self._clock, self._printer, self._telling = entropy, clock, printer, telling
        self.pins: dict[str, str] = {}
        self.wrong: set[str] = set()  # persons who have forgotten theirs
        self.walks_out = ""  # "person: step" beginnings that are not confirmed
        self.quiet = False

    def confirm(self, person: str, zh: str, en: str) -> None:
        self._clock.advance(_STEP_S)
        if self.walks_out and f"{person}: {en}".startswith(self.walks_out):
            raise NotConfirmedError(f"{person}: {en}")

    def new_pin(self, person: str) -> str:
        self._clock.advance(_STEP_S)
        digits = int.from_bytes(self._entropy.token(8)) % 10**_PIN_DIGITS
        self.pins[person] = f"{digits:0{_PIN_DIGITS}d}"
        return self.pins[person]

    def pin(self, person: str, tries: int) -> str:
        self._clock.advance(_STEP_S)
        known = self.pins[person]
        return known[:-1] + str((int(known[-1]) + 1) % 10) if person in self.wrong else known

    def lines(self, person: str, envelope: str, label: str) -> list[str]:
        self._clock.advance(_STEP_S)
        return list(self._printer.sheets[envelope, label].lines)

    def tell(self, zh: str, en: str) -> None:
        if not self.quiet:
            self._telling(zh, en)


class RehearsedPrinter:
    """Sheets into a folder, if any, and at hand for whoever types them again."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = FolderPrinter(folder) if folder else None
        self.sheets: dict[tuple[str, str], Sheet] = {}

    def print(self, sheet: Sheet) -> None:
        self.sheets[sheet.envelope, sheet.label] = sheet
        if self._folder:
            self._folder.print(sheet)


class RackCards:
    """Cards kept in files, put into one slot of a rack, as at a table with one reader."""

    def __init__(self, rack: Rack, folder: Path, slot: str = SLOT) -> None:
        self._rack, self._folder, self._slot = rack, folder, slot
        self._files: dict[str, Path] = {}
        self._inside = ""

    def make(self, serial: str, kind: str) -> None:
        """A new card. Raises ChipFileError."""
        self._files[serial] = make_custody_card(self._folder / f"{serial}.chip", serial, kind)

    def remake(self, serial: str, kind: str, number: int) -> None:
        """Another new card that says the same number: for a second ceremony of the same rehearsal."""
        self.close()
        self._files[serial] = make_custody_card(self._folder / f"{serial}-{number}.chip", serial, kind)

    def insert(self, serial: str) -> CardChannel:
        """Raises NoCardError when nobody has such a card."""
        if serial not in self._files:
            raise NoCardError(f"card {serial}")
        if self._inside:
            self._rack.eject(self._slot)
        self._inside = ""
        self._rack.insert(self._slot, self._files[serial])
        self._inside = serial
        return self._rack.reader(self._slot).connect()

    def close(self) -> None:
        """Take the last card out."""
        if self._inside:
            self._rack.eject(self._slot)
        self._inside = ""


class MemoryCards:
    """Cards without files, in a slot of this process."""

    def __init__(self) -> None:
        self.rack = DirectRack(SeededEntropy(0, "custody"))
        self.kept: dict[str, MemoryStorage] = {}

    def make(self, serial: str, kind: str) -> None:
        self.kept[serial] = MemoryStorage(custody_values(serial, kind))

    def remake(self, serial: str, kind: str, number: int) -> None:
        """Another new card that says the same number."""
        self.make(serial, kind)

    def insert(self, serial: str) -> CardChannel:
        """Raises NoCardError when nobody has such a card."""
        if serial not in self.kept:
            raise NoCardError(f"card {serial}")
        self.rack.eject(SLOT)
        self.rack.insert_chip(SLOT, CustodyChip(self.kept[serial], SeededEntropy(0, serial)))
        return self.rack.reader(SLOT).connect()

    def close(self) -> None:
        self.rack.close()


class RehearsedTable:
    """Everything a rehearsal of `plan` needs; the same seed gives the same transcript, byte by byte."""

    def __init__(
        self,
        plan: Plan,
        cards: RackCards | MemoryCards,
        seed: int,
        sheets: Path | None = None,
        telling: Telling = lambda zh, en: None,
    ) -> None:
        self.clock = SteppedClock(start_of_business_day(plan.head.day))
        self.clock.advance(_START_S)
        self.cards = cards
        self.printer = RehearsedPrinter(sheets)
        self.desk = RehearsedDesk(SeededEntropy(seed, "pins"), self.clock, self.printer, telling)
        self.room = Room(self.desk, cards, self.printer, self.clock, SeededEntropy(seed, "keys"))

    def new_cards(self, plan: Plan) -> None:
        """Blank cards for every holder of the plan."""
        for holder in plan.holders:
            if holder.serial:
                self.cards.make(holder.serial, holder.card)
