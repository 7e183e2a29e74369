"""A production ceremony, as far as it can be shown without metal: cards that do not say they are software, a printer
that is a pipe, the system's chance. Nothing is marked, and what it made is for production only."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy, SystemEntropy
from firmware_sim.card.store import MemoryStorage
from firmware_sim.ceremony.drill import recovery_of
from firmware_sim.ceremony.table import SLOT, MemoryCards, RehearsedTable
from firmware_sim.mother_card import CustodyChip
from keys.ceremony.errors import PrinterError, RehearsalError, VoidError
from keys.ceremony.holding import hold
from keys.ceremony.minutes import write_minutes
from keys.ceremony.plan import Plan, checked_plan
from keys.ceremony.recovery import recover
from keys.ceremony.standing import artefact_of, standing
from keys.ceremony.table import DevicePrinter, FolderPrinter, Sheet
from tests.keys.ceremony.documents import example, reviewed


class Unmarked(CustodyChip):
    """The same chip without the mark of a stand-in in its ATR."""

    @property
    def atr(self) -> bytes:
        return bytes.fromhex("3B00")


class UnmarkedCards(MemoryCards):
    """Cards of that kind."""

    def insert(self, serial: str):  # type: ignore[no-untyped-def]
        self.rack.eject(SLOT)
        self.rack.insert_chip(SLOT, Unmarked(self.kept[serial], SeededEntropy(0, serial)))
        return self.rack.reader(SLOT).connect()


class PipePrinter(DevicePrinter):
    """A printer at the other end of a pipe; its paper is what came out."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        super().__init__(path)
        self.path = path
        self.paper: list[str] = []
        self.sheets: dict[tuple[str, str], Sheet] = {}

    def print(self, sheet: Sheet) -> None:
        self.sheets[sheet.envelope, sheet.label] = sheet
        reading = threading.Thread(target=lambda: self.paper.append(self.path.read_text("utf-8")))
        reading.start()
        super().print(sheet)
        reading.join()


def marked(table: RehearsedTable) -> MemoryCards:
    """The same cards in chips that say they are software."""
    cards = MemoryCards()
    cards.kept = table.cards.kept  # type: ignore[union-attr]
    return cards


def production() -> Plan:
    document = example()
    document["ceremony"] |= {"mode": "production", "printer": "/dev/usb/lp0", "id": "P-1"}
    return checked_plan(reviewed(document))


def test_a_production_ceremony_has_no_mark_and_serves_production_only(tmp_path: Path) -> None:
    plan = production()
    table = RehearsedTable(plan, UnmarkedCards(), 1)
    table.new_cards(plan)
    printer = PipePrinter(tmp_path / "lp0")
    table.printer.sheets = printer.sheets
    room = replace(table.room, printer=printer, profile="production", entropy=SystemEntropy())
    held = hold(plan, tmp_path / "out", room)
    artefact = artefact_of(held.folder)
    write_minutes(plan, standing(held.folder), held.folder / "m.html")
    for path in [*held.folder.iterdir(), held.folder]:
        assert "REHEARSAL" not in path.name
        assert path.is_dir() or b"REHEARSAL" not in path.read_bytes()
    assert len(printer.paper) == 2
    assert all("REHEARSAL" not in text and text.endswith("\f") for text in printer.paper)
    assert len(artefact.accept("production")) == 3
    with pytest.raises(RehearsalError):
        artefact.accept("demo")
    again = recovery_of(plan, plan.holders[2:], 1)
    with pytest.raises(VoidError, match="E-PRODUCTION-REFUSED"):
        recover(
            recovery_of(plan, plan.holders[1:4], 2), held.folder, tmp_path / "out", replace(room, cards=marked(table))
        )
    assert {
        label: key.kcv.hex() for label, key in recover(again, held.folder, tmp_path / "out", room).keys.items()
    } == {row["label"]: row["kcv"] for row in artefact.keys}


def test_a_secret_sheet_is_never_a_file(tmp_path: Path) -> None:
    plan = production()
    table = RehearsedTable(plan, UnmarkedCards(), 1)
    table.new_cards(plan)
    file = tmp_path / "lp0"
    file.write_bytes(b"")
    for printer in (DevicePrinter(file), FolderPrinter(tmp_path / "sheets")):
        out = tmp_path / type(printer).__name__
        room = replace(table.room, printer=printer, profile="production", entropy=SystemEntropy())
        with pytest.raises(VoidError) as void:
            hold(plan, out, room)
        assert isinstance(void.value.__cause__, PrinterError)
        assert void.value.destroy == ("card 4D43000000000001", "envelope E-0001")
        table.new_cards(plan)
    assert file.read_bytes() == b""
    assert not (tmp_path / "sheets").exists()


def test_a_blank_of_the_table(tmp_path: Path) -> None:
    """The helpers above really make chips without the mark."""
    cards = UnmarkedCards()
    cards.make("4D43000000000001", "mother")
    assert isinstance(cards.kept["4D43000000000001"], MemoryStorage)
    assert cards.insert("4D43000000000001").atr == bytes.fromhex("3B00")
