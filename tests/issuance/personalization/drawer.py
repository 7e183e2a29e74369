"""A drawer of chips in memory in front of encoders: each state stays to be looked at, each command is counted."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.readers.reader import Reader
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.slot import Chip, Slot
from firmware_sim.rack import DirectReader

INS_PROOF = 0xF4
OK = b"\x90\x00"


class Liar:
    """A chip whose answers to PROVE KEY VERSION pass through `bend`; everything else is the twin's."""

    def __init__(self, inner: Chip, bend: Callable[[bytes], bytes]) -> None:
        self._inner = inner
        self._bend = bend

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def process(self, apdu: bytes) -> bytes:
        answer = self._inner.process(apdu)
        if apdu[1] != INS_PROOF:
            return answer
        if answer[0] == 0x61:  # T=0: the answer waits
            answer = self._inner.process(bytes((0, 0xC0, 0, 0, answer[1])))
        return self._bend(answer)


def replays() -> Callable[[bytes], bytes]:
    """Gives its first answer for ever."""
    kept: list[bytes] = []

    def bend(answer: bytes) -> bytes:
        kept.append(answer)
        return kept[0]

    return bend


def late(seconds: float) -> Callable[[bytes], bytes]:
    def bend(answer: bytes) -> bytes:
        time.sleep(seconds)
        return answer

    return bend


class _Counting:
    """Counts what a chip is told, by instruction."""

    def __init__(self, inner: Chip, said: "Counter[int]") -> None:
        self._inner = inner
        self._said = said

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def process(self, apdu: bytes) -> bytes:
        self._said[apdu[1]] += 1
        return self._inner.process(apdu)


@dataclass
class Drawer:
    """Chips by path; a chip is made when it is first put into a reader. `said` counts instructions over all chips."""

    values: dict[Path, Mapping[str, bytes]] = field(default_factory=dict)
    wrap: dict[Path, Callable[[Chip], Chip]] = field(default_factory=dict)
    cards: dict[Path, Card] = field(default_factory=dict)
    said: "Counter[int]" = field(default_factory=Counter)
    slots: dict[str, Slot] = field(default_factory=dict)
    _chips: dict[Path, Chip] = field(default_factory=dict)

    def add(self, name: str, values: Mapping[str, bytes], wrap: Callable[[Chip], Chip] | None = None) -> Path:
        path = Path("/drawer") / name
        self.values[path] = values
        if wrap is not None:
            self.wrap[path] = wrap
        return path

    def reader(self, slot: str) -> Reader:
        return DirectReader(self._slot(slot))

    def insert(self, slot: str, chip: Path) -> None:
        if chip not in self._chips:
            self.cards[chip] = memory_chip(dict(self.values[chip]), SeededEntropy(5, chip.name))
            made: Chip = _Counting(self.cards[chip], self.said)  # type: ignore[assignment]
            self._chips[chip] = self.wrap[chip](made) if chip in self.wrap else made
        self._slot(slot).insert(self._chips[chip])

    def eject(self, slot: str) -> None:
        self._slot(slot).eject()

    def unchanged(self, chip: Path) -> bool:
        """The chip's whole non-volatile memory, retry counters too, is as it was delivered."""
        card = self.cards.get(chip)
        return card is None or {name: card.nv.need(name) for name in card.nv.names("")} == self.values[chip]

    def _slot(self, name: str) -> Slot:
        return self.slots.setdefault(name, Slot(name))
