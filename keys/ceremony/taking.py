"""Reading a part back: from a card after its holder's PIN, or typed from a sheet."""

from __future__ import annotations

from typing import Final

from keys.ceremony import paper
from keys.ceremony.custody_card import CustodyCard
from keys.ceremony.errors import CeremonyError, CustodyCardError, CustodyPinError, LineError
from keys.ceremony.parts import Part
from keys.ceremony.table import Room
from keys.errors import ProductionRefusedError
from keys.hsm_software import PRODUCTION

LINE_TRIES: Final = 3


def read_card(room: Room, serial: str, name: str, slots: int) -> list[Part]:
    """The parts in the first `slots` slots, after the holder's PIN; wrong PINs until the card is blocked.

    CustodyBlockedError, CustodyCardError, CardError.
    """
    card = _open(room, serial, name)
    try:
        return [card.read(slot) for slot in range(1, slots + 1)]
    finally:
        card.close()


def empty_card(room: Room, serial: str, name: str, slots: int) -> None:
    """Empty the first `slots` slots of a transport card for ever. Errors as `read_card`."""
    card = _open(room, serial, name)
    try:
        for slot in range(1, slots + 1):
            card.erase(slot)
    finally:
        card.close()


def _open(room: Room, serial: str, name: str) -> CustodyCard:
    """The card of that number, its PIN verified."""
    card = CustodyCard(room.cards.insert(serial))
    try:
        if card.stand_in and room.profile == PRODUCTION:
            raise ProductionRefusedError("a custody card in software")
        state = card.state()
        if state.serial != serial.upper():
            raise CustodyCardError(f"card {state.serial}, wanted is {serial}")
        tries = state.tries
        while True:
            try:
                card.verify(room.desk.pin(name, tries))
                break
            except CustodyPinError as wrong:
                tries = wrong.tries_left
                room.desk.tell(f"PIN 错误，还可试 {tries} 次", f"wrong PIN, {tries} left")
        return card
    except BaseException:
        card.close()
        raise


def read_lines(room: Room, envelope: str, name: str, wanted: Part) -> bytes:
    """The value typed from a sheet; a wrong line is named, and all are typed again. LineError after three times."""
    for left in reversed(range(LINE_TRIES)):
        try:
            return paper.secret_of(room.desk.lines(name, envelope, wanted.label))
        except LineError as wrong:
            if not left:
                raise
            room.desk.tell(f"第 {wrong.line} 行有误，请重输", f"line {wrong.line} is wrong, once more")
    raise CeremonyError(envelope)
