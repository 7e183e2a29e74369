"""Readers whose traffic the page shows: the masked log of one slot, everything else untouched."""

from collections.abc import Sequence
from pathlib import Path

from card.channel import CardChannel
from card.readers.reader import Reader
from card.traffic import Exchange, Trace, TrafficLog
from firmware_sim.demo.record import Wrote
from firmware_sim.rack import Rack


class TracedReader:
    """A reader that writes what goes over its wire, masked, into a trace."""

    def __init__(self, inner: Reader, trace: Trace) -> None:
        self._inner = inner
        self._trace = trace
        self.watching = True

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        """As the reader within; the channel is logged while we watch."""
        channel = self._inner.connect()
        return TrafficLog(channel, self._trace) if self.watching else channel

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        """As the reader within."""
        return self._inner.wait(present, timeout_ms)


class TracedEncoders:
    """The encoder slots of a rack; the first card in one of them is watched."""

    def __init__(self, rack: Rack, slot: str, trace: Trace) -> None:
        self._rack = rack
        self._slot = slot
        self._watched = TracedReader(rack.reader(slot), trace)

    def reader(self, slot: str) -> Reader:
        return self._watched if slot == self._slot else self._rack.reader(slot)

    def insert(self, slot: str, chip: Path) -> None:
        self._rack.insert(slot, chip)

    def eject(self, slot: str) -> None:
        if slot == self._slot:
            self._watched.watching = False
        self._rack.eject(slot)


def wrote(exchanges: Sequence[Exchange], most: int) -> list[Wrote]:
    """Commands by name in order, neighbours of one name counted, with their first command's masked bytes."""
    rows: list[tuple[Exchange, int, int]] = []
    for exchange in exchanges:
        if exchange.name == "GET RESPONSE":
            continue
        if rows and rows[-1][0].name == exchange.name:
            first, count, micros = rows[-1]
            rows[-1] = (first, count + 1, micros + exchange.micros)
        else:
            rows.append((exchange, 1, exchange.micros))
    return [
        Wrote("apdu", f"{first.name}{f' ×{count}' if count > 1 else ''} · {first.command[:44]}", micros / 1000)
        for first, count, micros in rows[:most]
    ]
