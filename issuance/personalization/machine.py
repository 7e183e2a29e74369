"""The port to a personalisation machine: one encoder slot, one chip at a time."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from issuance.personalization.script import Script


@dataclass(frozen=True, slots=True)
class ChipFacts:
    """What a chip says of itself, proven by the key it should have. `region` and `serial` 3 bytes of its ATR."""

    blank: bool
    personalised: bool
    batch: bytes
    region: bytes
    serial: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A read-back: how many fields came back as written, their digest, the keys proven, and one cryptogram.

    `factor`, `original` and `cryptogram` (8 bytes each) let the key centre repeat the proof of the chip at any time.
    """

    card_id: str
    atr: str
    fields: int
    content_digest: str
    keys_proven: tuple[str, ...]
    check_values: dict[str, str] = field(default_factory=dict)
    factor: str = ""
    original: str = ""
    cryptogram: str = ""


class Feeder(Protocol):
    """Moves chips into and out of encoder slots: a card path, or a tray with people."""

    def insert(self, slot: str, chip: Path) -> None: ...

    def eject(self, slot: str) -> None: ...


class Machine(Protocol):
    """One encoder slot. Each method may raise CardError; what was half done is resumed by burning again."""

    def take(self, chip: Path) -> ChipFacts:
        """Feed the chip and ask who it is. ChipRefusedError for a foreign chip or a wrong transport key."""
        ...

    def burn(self, script: Script) -> None:
        """Carry out every step. ChipRefusedError before any secret when the chip proves another key version."""
        ...

    def read_back(self, script: Script) -> Certificate:
        """Compare every field under the finished card's own rules and prove its keys. ReadBackError."""
        ...

    def release(self) -> None:
        """Let the chip go."""
        ...
