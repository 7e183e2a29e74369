"""What a ceremony needs of the room: people, readers, a printer. Everything else the plan says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from card.channel import CardChannel
from card.domain.clock import Clock
from card.domain.entropy import Entropy
from keys.ceremony.errors import PrinterError
from keys.ceremony.transcript import MARK

WIDTH: Final = 64


class Desk(Protocol):
    """People. They confirm, type a PIN, type printed lines: nothing they say changes what the plan says."""

    def confirm(self, person: str, zh: str, en: str) -> None:
        """`person` (a name) confirms a step. NotConfirmedError, KeyboardInterrupt."""
        ...

    def new_pin(self, person: str) -> str:
        """A first PIN, 6 to 12 digits, typed twice."""
        ...

    def pin(self, person: str, tries: int) -> str:
        """The PIN of a card with `tries` left."""
        ...

    def lines(self, person: str, envelope: str, label: str) -> list[str]:
        """The lines of a printed sheet, as typed."""
        ...

    def tell(self, zh: str, en: str) -> None:
        """Progress: what has just been done."""
        ...


class Cards(Protocol):
    """The reader at the table."""

    def insert(self, serial: str) -> CardChannel:
        """A new session with the card of that number, once it is in the reader. CardError."""
        ...


class Printer(Protocol):
    """Where a secret sheet goes; nothing of it stays in the machine."""

    def print(self, sheet: Sheet) -> None:
        """PrinterError."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What is handed in: people, reader, printer, time, chance, and which installation this is."""

    desk: Desk
    cards: Cards
    printer: Printer
    clock: Clock
    entropy: Entropy
    profile: str = "demo"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One secret sheet: one part of one key. Does not print itself in a repr."""

    ceremony: str
    envelope: str
    holder: str
    label: str
    number: int
    parts: int
    check: str
    lines: tuple[str, ...]
    words: str
    rehearsal: bool

    def __repr__(self) -> str:
        return f"Sheet({self.ceremony} {self.envelope} {self.label} no. {self.number})"

    def text(self) -> str:
        """As the printer gets it."""
        mark = [f"*** {MARK} 演练，非正式密钥 ***", ""] if self.rehearsal else []
        head = [
            f"密钥分量/分片 key part   {self.ceremony}   信封 envelope {self.envelope}",
            f"{self.label}   {self.number}/{self.parts}   校验 check {self.check}",
            f"保管人 holder {self.holder}",
            "-" * WIDTH,
        ]
        spelled = ["", *_folded(self.words)] if self.words else []
        foot = ["-" * WIDTH, "仅本人可看，当场封存 For the holder's eyes only; seal at the table.", *mark, "\f"]
        return "\n".join([*mark, *head, *self.lines, *spelled, *foot])


class DevicePrinter:
    """A printer that takes text at a device, as `/dev/usb/lp0`. A file is refused: a disk would keep the secret."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def print(self, sheet: Sheet) -> None:
        try:
            if not (self._path.is_char_device() or self._path.is_fifo()):
                raise PrinterError(f"{self._path} is no device")
            with self._path.open("wb", buffering=0) as device:
                device.write(sheet.text().encode())
        except OSError as bad:
            raise PrinterError(f"{self._path}: {bad.strerror}") from bad


class FolderPrinter:
    """Sheets of a rehearsal as files, one for each envelope and key, so that one can look at them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def print(self, sheet: Sheet) -> None:
        if not sheet.rehearsal:
            raise PrinterError("a secret sheet is never a file")
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{sheet.envelope}-{sheet.label.replace('/', '_')}.{MARK}.txt"
        (self._folder / name).write_text(sheet.text(), "utf-8")


def _folded(words: str) -> list[str]:
    rows: list[str] = []
    for number, word in enumerate(words.split(), 1):
        if number % 4 == 1:
            rows.append("")
        rows[-1] += f"{number:>2} {word:<13}"
    return [row.rstrip() for row in rows]
