"""A terminal with twins in its slots: a card, a PSAM, a keypad that types what a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from card.domain.entropy import SeededEntropy
from card.readers.reader import Reader
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.factory import TWIN_PIN, Order, Twin, TwinFactory
from firmware_sim.ldt33_centre import CentreModule
from firmware_sim.psam import memory_psam
from firmware_sim.rack import DirectRack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.dialect import Dialect, built_in
from terminal.ldt33.library import Answer, Ldt33Library
from terminal.ldt33.pinpad import Prompt
from terminal.ldt33.visit import Desk

SEED = b"ldt33 test key tree"
PIN = TWIN_PIN.digits


class TypingPad:
    """Types the next entry of `entries`; an exception is raised instead, an empty list is a cancelled entry."""

    def __init__(self) -> None:
        self.entries: list[str | Ldt33Error] = []
        self.asked: list[Prompt] = []

    def ask(self, prompt: Prompt, timeout_ms: int) -> str:
        self.asked.append(prompt)
        if not self.entries:
            raise Ldt33Error(Code.CANCELLED)
        entry = self.entries.pop(0)
        if isinstance(entry, Ldt33Error):
            raise entry
        return entry


@dataclass
class BenchSlots:
    """Readers by what they are for; a test may take one away."""

    contact: Reader | None
    contactless: Reader | None
    module: Reader | None

    def card(self, contactless: bool) -> Reader | None:
        return self.contactless if contactless else self.contact

    def psam(self) -> Reader | None:
        return self.module


@dataclass
class Bench:
    """All of it; `call` runs one function and checks nothing."""

    rack: DirectRack
    centre: KeyCentre
    twin: Twin
    slots: BenchSlots
    pad: TypingPad
    library: Ldt33Library
    desk: Desk
    factory: TwinFactory
    seconds: list[float] = field(default_factory=lambda: [0.0])

    @property
    def hsm(self) -> CentreModule:
        return CentreModule(self.centre)

    @property
    def info(self) -> str:
        """pCardInfo of the card in the slot."""
        return f"{self.twin.card_id.hex().upper()}|{self.twin.card_no}|"

    def call(self, name: str, *arguments: int | str) -> Answer:
        return self.library.call(name, arguments)

    def other(self, *, config: Ldt33Config | None = None, dialect: Dialect | None = None) -> Ldt33Library:
        """The same terminal configured otherwise."""
        return Ldt33Library(replace(self.desk, config=config or self.desk.config, dialect=dialect or built_in()))

    def insert(self, order: Order, slot: str = "card") -> Twin:
        """Another card in the slot; returns it."""
        self.rack.eject(slot)
        values, twin = self.factory.card_values(order)
        self.rack.insert_chip(slot, memory_chip(values, SeededEntropy(9, "chip")))
        return twin


@contextmanager
def open_bench(order: Order | None = None, config: Ldt33Config | None = None) -> Iterator[Bench]:
    centre = KeyCentre(SoftwareHsm.from_seed(SEED, "test"))
    factory = TwinFactory(centre, SeededEntropy(7, "factory"))
    rack = DirectRack(SeededEntropy(11, "chips"))
    values, twin = factory.card_values(order or Order(1))
    rack.insert_chip("card", memory_chip(values, SeededEntropy(8, "chip")))
    rack.insert_chip("psam", memory_psam(factory.psam_state(1), SeededEntropy(10, "psam")))
    slots = BenchSlots(rack.reader("card"), None, rack.reader("psam"))
    pad, seconds = TypingPad(), [0.0]
    desk = Desk(config or Ldt33Config(), built_in(), slots, pad, SeededEntropy(5, "terminal"), lambda: seconds[0])
    try:
        yield Bench(rack, centre, twin, slots, pad, Ldt33Library(desk), desk, factory, seconds)
    finally:
        rack.close()
