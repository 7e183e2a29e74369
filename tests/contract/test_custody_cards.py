"""What mother and transport cards must do at the table: `--replace custody=MODULE:FACTORY`. It uses up three cards."""

from collections.abc import Callable
from itertools import count
from typing import Protocol, cast

import pytest

from card.channel import CardChannel
from firmware_sim.ceremony.table import MemoryCards
from keys.ceremony.custody_card import EMPTY, ERASED, NO_PIN, PIN_BLOCKED, PIN_SET, SLOTS, WRITTEN, CustodyCard
from keys.ceremony.errors import CustodyBlockedError, CustodyCardError, CustodyPinError
from keys.ceremony.parts import Part

PIN, WRONG = "13572468", "24681357"
SHARE = Part("HN-2026-R01", "store/KEK", 1, 5, bytes(range(66)))
LARGEST = Part("N" * 32, "store/" + "k" * 58, 99, 9, bytes(66))


class Box(Protocol):
    """New cards, and the reader at the table (`keys.ceremony.table.Cards`)."""

    def blank(self, kind: str) -> str:
        """The serial number of a card nobody has used."""
        ...

    def insert(self, serial: str) -> CardChannel: ...


class SimulatedBox(MemoryCards):
    """Cards in software, as many as one wants."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    def blank(self, kind: str) -> str:
        serial = f"4D4300000001{next(self._numbers):04X}"
        self.make(serial, kind)
        return serial


@pytest.fixture
def box(replacement: Callable[[str], object | None]) -> Box:
    return cast(Box, replacement("custody") or SimulatedBox())


def opened(box: Box, serial: str) -> CustodyCard:
    return CustodyCard(box.insert(serial))


@pytest.mark.parametrize("kind", ["mother", "transport"])
def test_a_new_card_says_so_and_takes_a_part(box: Box, kind: str) -> None:
    serial = box.blank(kind)
    card = opened(box, serial)
    state = card.state()
    assert (state.serial, state.kind, state.pin, state.slots) == (serial, kind, NO_PIN, bytes((EMPTY,)) * SLOTS)
    assert state.tries >= 3
    card.set_pin(PIN)
    card.write(1, SHARE)
    card.write(SLOTS, LARGEST)
    with pytest.raises(CustodyCardError):
        card.write(1, LARGEST)
    card.close()
    card = opened(box, serial)
    with pytest.raises(CustodyCardError):
        card.read(1)
    with pytest.raises(CustodyCardError):
        card.set_pin(WRONG)
    card.verify(PIN)
    assert (card.read(1), card.read(SLOTS)) == (SHARE, LARGEST)
    assert card.state().slots[0] == WRITTEN
    if kind == "transport":
        card.erase(1)
        assert card.state().slots[0] == ERASED
        with pytest.raises(CustodyCardError):
            card.write(1, SHARE)
    else:
        with pytest.raises(CustodyCardError):
            card.erase(1)
        assert card.read(1) == SHARE
    card.close()


def test_wrong_pins_block_it_for_ever(box: Box) -> None:
    serial = box.blank("mother")
    card = opened(box, serial)
    card.set_pin(PIN)
    card.write(1, SHARE)
    card.close()
    tries = None
    while tries != 0:
        card = opened(box, serial)
        assert card.state().pin == PIN_SET
        try:
            card.verify(WRONG)
        except CustodyPinError as wrong:
            assert tries is None or wrong.tries_left < tries
            tries = wrong.tries_left
        except CustodyBlockedError:
            tries = 0
        card.close()
    card = opened(box, serial)
    assert card.state().pin == PIN_BLOCKED
    with pytest.raises(CustodyBlockedError):
        card.verify(PIN)
    with pytest.raises((CustodyBlockedError, CustodyCardError)):
        card.read(1)
    card.close()
