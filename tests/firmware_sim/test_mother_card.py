"""The custody card in software: PIN, tries, slots written once, and what is left of it when the PIN is blocked."""

import subprocess
import sys
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.errors import CardLostError
from firmware_sim.card.chip import load_chip
from firmware_sim.card.faults import PLACES, Fault
from firmware_sim.card.store import MemoryStorage
from firmware_sim.errors import StandInRefusedError
from firmware_sim.mother_card import CustodyChip, custody_values, make_custody_card
from firmware_sim.rack import DirectRack
from keys.ceremony.custody_card import ERASED, NO_PIN, PIN_BLOCKED, PIN_SET, WRITTEN, CustodyCard
from keys.ceremony.errors import CustodyBlockedError, CustodyCardError, CustodyPinError
from keys.ceremony.parts import Part

SERIAL = "4D43000000000001"
PIN, WRONG = "13572468", "13572469"
PART = Part("T-1", "store/KEK", 1, 1, bytes(range(32)))
SLOT = "custody"
INS_VERIFY = 0x20


class Table:
    """One card and a slot for it."""

    def __init__(self, kind: str = "mother") -> None:
        self.kept = MemoryStorage(custody_values(SERIAL, kind))
        self.rack = DirectRack(SeededEntropy(0))

    def card(self) -> CustodyCard:
        """A new session."""
        self.rack.eject(SLOT)
        self.rack.insert_chip(SLOT, CustodyChip(self.kept, SeededEntropy(1)))
        return CustodyCard(self.rack.reader(SLOT).connect())


@pytest.fixture
def written() -> Table:
    table = Table()
    card = table.card()
    card.set_pin(PIN)
    card.write(1, PART)
    return table


def test_a_new_card_says_what_it_is() -> None:
    card = Table("transport").card()
    state = card.state()
    assert (state.serial, state.kind, state.pin, state.tries, state.slots) == (SERIAL, "transport", NO_PIN, 3, bytes(8))
    assert card.stand_in


def test_the_first_pin_is_set_once_and_a_slot_is_written_once(written: Table) -> None:
    card = written.card()
    with pytest.raises(CustodyCardError):
        card.set_pin(PIN)
    with pytest.raises(CustodyCardError):
        card.read(1)
    card.verify(PIN)
    assert card.read(1) == PART
    with pytest.raises(CustodyCardError):
        card.write(1, PART)
    with pytest.raises(CustodyCardError):
        card.read(2)
    assert card.state().slots == bytes((WRITTEN,)) + bytes(7)


def test_a_session_forgets_the_pin(written: Table) -> None:
    written.card().verify(PIN)
    with pytest.raises(CustodyCardError):
        written.card().read(1)


def test_wrong_pins_block_and_the_contents_are_gone(written: Table) -> None:
    left = []
    for _ in range(2):
        with pytest.raises(CustodyPinError) as wrong:
            written.card().verify(WRONG)
        left.append(wrong.value.tries_left)
    assert left == [2, 1]
    written.card().verify(PIN)
    assert written.card().state().tries == 3, "the right PIN gives the tries back"
    for _ in range(2):
        with pytest.raises(CustodyPinError):
            written.card().verify(WRONG)
    with pytest.raises(CustodyBlockedError):
        written.card().verify(WRONG)
    card = written.card()
    assert card.state().pin == PIN_BLOCKED
    for call in (lambda: card.verify(PIN), lambda: card.read(1), lambda: card.write(2, PART)):
        with pytest.raises(CustodyBlockedError):
            call()
    assert PART.value not in b"".join(written.kept.load().values())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("nth", [1, 2])
def test_power_cuts_give_no_free_tries(written: Table, place: str, nth: int) -> None:
    """However the card is torn during VERIFY, at most three wrong PINs are ever compared."""
    compared = 0
    for _ in range(20):
        card = written.card()
        if card.state().pin != PIN_SET:
            break
        before = card.state().tries
        written.rack.disarm(SLOT)
        written.rack.fault(SLOT, Fault(place, INS_VERIFY, nth))
        try:
            card.verify(WRONG)
        except (CustodyPinError, CustodyBlockedError):
            compared += 1
        except CardLostError:
            compared += written.kept.load()["tries"][0] < before
        written.rack.disarm(SLOT)
    assert compared <= 3


def test_only_a_transport_card_is_emptied() -> None:
    for kind, empties in (("transport", True), ("mother", False)):
        card = Table(kind).card()
        card.set_pin(PIN)
        card.write(3, PART)
        if not empties:
            with pytest.raises(CustodyCardError):
                card.erase(3)
            continue
        card.erase(3)
        assert card.state().slots[2] == ERASED
        with pytest.raises(CustodyCardError):
            card.read(3)
        with pytest.raises(CustodyCardError):
            card.write(3, PART)


@pytest.mark.parametrize("pin", ["12345", "1234567890123", "12345a", "１２３４５６", ""])
def test_what_is_no_pin_is_not_sent(pin: str) -> None:
    card = Table().card()
    with pytest.raises(CustodyCardError):
        card.set_pin(pin)
    assert card.state().pin == NO_PIN


def test_kept_in_a_file_as_other_chips(tmp_path: Path) -> None:
    path = make_custody_card(tmp_path / "c.chip", SERIAL, "mother")
    chip = load_chip(path, SeededEntropy(1))
    assert isinstance(chip, CustodyChip)
    chip.close()
    with pytest.raises(StandInRefusedError):
        make_custody_card(tmp_path / "d.chip", SERIAL, "mother", profile="production")
    with pytest.raises(StandInRefusedError):
        CustodyChip(MemoryStorage(custody_values(SERIAL, "mother")), SeededEntropy(1), "production")


def test_it_says_on_stderr_what_it_is() -> None:
    program = (
        "from card.domain.entropy import SeededEntropy as E\n"
        "from firmware_sim.mother_card import custody_values, memory_custody_card as m\n"
        f"m(custody_values('{SERIAL}', 'mother'), E(1)); m(custody_values('{SERIAL}', 'mother'), E(1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("stand-in") == 1
