"""Chips in slots of this process that can be torn out and put back as the tear left them."""

from collections.abc import Mapping
from functools import cache

from card.domain.entropy import SeededEntropy
from firmware_sim.bench.street import open_centre
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.factory import CARD_PROFILES, Order, Twin, TwinFactory
from firmware_sim.card.memory import PurseState
from firmware_sim.card.slot import Slot
from firmware_sim.psam import PsamChip, memory_psam
from firmware_sim.rack import DirectReader
from keys.centre import KeyCentre

BALANCE, ONLINE, OFFLINE = 5_000, 3, 41
PURSE = "purse/EP"


@cache
def centre() -> KeyCentre:
    """The key tree of every cut."""
    return open_centre()


@cache
def card_memory(number: int = 1, profiles: tuple[str, ...] = CARD_PROFILES) -> tuple[Mapping[str, bytes], Twin]:
    """A personalised card with money on it, made once."""
    order = Order(number, profiles=profiles)
    values, twin = TwinFactory(centre(), SeededEntropy(21, "factory")).card_values(order)
    values[PURSE] = PurseState(BALANCE, ONLINE, OFFLINE).pack()
    return values, twin


@cache
def psam_memory(number: int = 1) -> Mapping[str, bytes]:
    """A PSAM of the same tree."""
    return TwinFactory(centre(), SeededEntropy(22, "factory")).psam_state(number)


class TornSlot:
    """A slot and the chip that was last in it."""

    def __init__(
        self, name: str, values: Mapping[str, bytes], *, psam: bool = False, contactless: bool = False
    ) -> None:
        self.slot = Slot(name)
        if contactless:
            self.slot.use_line("contactless")
        self.reader = DirectReader(self.slot)
        self._psam = psam
        self._visits = 0
        self.chip: Card | PsamChip
        self.put_in(values)

    def put_in(self, values: Mapping[str, bytes]) -> None:
        """A chip with these values into the empty slot."""
        self._visits += 1
        entropy = SeededEntropy(23 + self._visits, self.slot.name)
        self.chip = (memory_psam if self._psam else memory_chip)(dict(values), entropy)
        self.slot.insert(self.chip)

    def take_out(self) -> dict[str, bytes]:
        """Pull the chip, if it is still in; what it remembers."""
        values = self.values
        self.slot.eject()
        return values

    def again(self) -> None:
        """Out and in: whatever was in it without power is forgotten."""
        self.put_in(self.take_out())

    @property
    def values(self) -> dict[str, bytes]:
        """What the chip remembers now, torn out or not."""
        return {name: self.chip.nv.need(name) for name in self.chip.nv.names("")}

    @property
    def purse(self) -> PurseState:
        return PurseState.unpack(self.chip.nv.need(PURSE))
