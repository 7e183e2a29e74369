"""A mother or transport card in software: a named stand-in for what a key centre keeps parts of keys on.

PIN with a try counter that is durable before the answer leaves the chip, eight slots written once, contents gone when
the PIN is blocked. The commands are declared in `keys.ceremony.custody_card`. It protects nothing from whoever can
read its file, says so on stderr once, and refuses production; the ATR says it to the host.
"""

import hmac
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from card.domain.entropy import Entropy
from firmware_sim.card import memory
from firmware_sim.card.dispatch import MAX_LE, ChipCore, Command, want_data
from firmware_sim.card.status import (
    BAD_P1P2,
    BLOCKED,
    CONDITIONS,
    EXACT_LENGTH,
    FILE_NOT_FOUND,
    NO_SPACE,
    RECORD_NOT_FOUND,
    SECURITY,
    TRIES_LEFT,
    UNKNOWN_CLA,
    UNKNOWN_INS,
    WRONG_LENGTH,
    SwError,
)
from firmware_sim.card.store import MemoryStorage, NonVolatile, Storage, create_file
from firmware_sim.errors import StandInRefusedError
from keys.ceremony.custody_card import (
    AID,
    EMPTY,
    ERASED,
    MOTHER,
    NO_PIN,
    PIN_BLOCKED,
    PIN_MAX,
    PIN_MIN,
    PIN_SET,
    SERIAL,
    SLOTS,
    STAND_IN_MARK,
    STATE,
    TRANSPORT,
    WRITTEN,
)

KIND = b"custody"
TRIES = 3
_SERIAL, _TYPE, _PIN, _TRIES = "serial", "type", "pin", "tries"
_FILES = {"mother": MOTHER, "transport": TRANSPORT}
# T=0, no interface bytes; historical bytes: 80, then the mark.
_ATR = bytes((0x3B, len(STAND_IN_MARK) + 1, 0x80)) + STAND_IN_MARK
_warned: list[str] = []


def custody_values(serial: str, kind: str) -> dict[str, bytes]:
    """The state of a new card: `serial` 16 hex digits, `kind` mother or transport. No PIN, every slot empty."""
    number = bytes.fromhex(serial)
    if len(number) != 8:
        raise ValueError("a serial number has 8 bytes")
    return {memory.KIND: KIND, _SERIAL: number, _TYPE: bytes((_FILES[kind],)), _TRIES: bytes((TRIES,))}


class CustodyChip(ChipCore):
    """One card. Refuses to serve `profile = production`; says once on stderr what it is."""

    def __init__(self, storage: Storage, entropy: Entropy, profile: str = "demo") -> None:
        refuse_production(profile)
        super().__init__(NonVolatile(storage), entropy)
        self.selected = False
        self.verified = False
        warn_stand_in()

    @property
    def atr(self) -> bytes:
        return _ATR

    def start_session(self) -> None:
        self.selected = self.verified = False

    def execute(self, command: Command) -> bytes:
        handler = HANDLERS.get(command.key)
        if handler is None:
            known = any(key >> 8 == command.cla for key in HANDLERS)
            raise SwError(UNKNOWN_INS if known else UNKNOWN_CLA)
        if not self.selected and command.ins != 0xA4:
            raise SwError(CONDITIONS)
        return handler(self, command)

    @property
    def transport(self) -> bool:
        return self.nv.need(_TYPE)[0] == TRANSPORT

    def slot_state(self, slot: int) -> int:
        content = self.nv.get(_slot(slot))
        return EMPTY if content is None else WRITTEN if content else ERASED

    def pin_state(self) -> int:
        if self.nv.need(_TRIES)[0] == 0:
            return PIN_BLOCKED
        return PIN_SET if self.nv.get(_PIN) else NO_PIN


def select(chip: CustodyChip, command: Command) -> bytes:
    """00 A4 04 00: the one application."""
    chip.start_session()
    if (command.p1, command.p2) != (0x04, 0x00):
        raise SwError(BAD_P1P2)
    if command.data != AID:
        raise SwError(FILE_NOT_FOUND)
    chip.selected = True
    return bytes((0x6F, len(AID) + 2, 0x84, len(AID))) + AID


def get_data(chip: CustodyChip, command: Command) -> bytes:
    """80 CA: what may be known without a PIN."""
    if command.p1 or command.p2 not in (SERIAL, STATE):
        raise SwError(BAD_P1P2)
    if command.p2 == SERIAL:
        return _exactly(command, chip.nv.need(_SERIAL))
    slots = bytes(chip.slot_state(slot) for slot in range(1, SLOTS + 1))
    tries = chip.nv.need(_TRIES)
    return _exactly(command, chip.nv.need(_TYPE) + bytes((chip.pin_state(),)) + tries + slots)


def set_pin(chip: CustodyChip, command: Command) -> bytes:
    """80 5E: the first PIN, once in the life of the card; it counts as verified."""
    pin = want_data(command, *range(PIN_MIN, PIN_MAX + 1))
    if chip.pin_state() != NO_PIN or not pin.isdigit():
        raise SwError(CONDITIONS)
    chip.nv.commit({_PIN: pin})
    chip.verified = True
    return b""


def verify(chip: CustodyChip, command: Command) -> bytes:
    """00 20: one try less is durable before the comparison; at none left the contents go with the PIN."""
    chip.verified = False
    if chip.pin_state() == PIN_BLOCKED:
        raise SwError(BLOCKED)
    pin, left = chip.nv.get(_PIN), chip.nv.need(_TRIES)[0]
    if pin is None:
        raise SwError(CONDITIONS)
    given = want_data(command, *range(PIN_MIN, PIN_MAX + 1))
    chip.nv.commit({_TRIES: bytes((left - 1,))})
    if hmac.compare_digest(given, pin):
        chip.nv.commit({_TRIES: bytes((TRIES,))})
        chip.verified = True
        return b""
    if left == 1:
        chip.nv.commit({_PIN: None, **dict.fromkeys(chip.nv.names("slot/"), b"")})
        raise SwError(BLOCKED)
    raise SwError(TRIES_LEFT | left - 1)


def write_part(chip: CustodyChip, command: Command) -> bytes:
    """80 D4: into an empty slot, once."""
    slot = _asked(chip, command)
    if chip.slot_state(slot) != EMPTY:
        raise SwError(CONDITIONS)
    if not command.data:
        raise SwError(WRONG_LENGTH)
    if len(command.data) > 0xFF:
        raise SwError(NO_SPACE)
    chip.nv.commit({_slot(slot): command.data})
    return b""


def read_part(chip: CustodyChip, command: Command) -> bytes:
    """80 B4: what a written slot holds."""
    slot = _asked(chip, command)
    if chip.slot_state(slot) != WRITTEN:
        raise SwError(RECORD_NOT_FOUND)
    return _exactly(command, chip.nv.need(_slot(slot)))


def erase_part(chip: CustodyChip, command: Command) -> bytes:
    """80 0E: a transport card is emptied where it arrives; a mother card never."""
    slot = _asked(chip, command)
    if not chip.transport or chip.slot_state(slot) != WRITTEN:
        raise SwError(CONDITIONS)
    chip.nv.commit({_slot(slot): b""})
    return b""


def _asked(chip: CustodyChip, command: Command) -> int:
    """The slot of P2, after the PIN."""
    if command.p1 or not 1 <= command.p2 <= SLOTS:
        raise SwError(BAD_P1P2)
    if chip.pin_state() == PIN_BLOCKED:
        raise SwError(BLOCKED)
    if not chip.verified:
        raise SwError(SECURITY)
    return command.p2


def _exactly(command: Command, content: bytes) -> bytes:
    if (command.le or MAX_LE) != len(content):
        raise SwError(EXACT_LENGTH | len(content) & 0xFF)
    return content


def _slot(number: int) -> str:
    return f"slot/{number}"


HANDLERS: dict[int, Callable[[CustodyChip, Command], bytes]] = {
    0x00A4: select,
    0x80CA: get_data,
    0x805E: set_pin,
    0x0020: verify,
    0x80D4: write_part,
    0x80B4: read_part,
    0x800E: erase_part,
}


def make_custody_card(path: Path, serial: str, kind: str, profile: str = "demo") -> Path:
    """A new card in a new file. Raises ChipFileError, StandInRefusedError."""
    refuse_production(profile)
    create_file(path, custody_values(serial, kind))
    return path


def memory_custody_card(values: Mapping[str, bytes], entropy: Entropy) -> CustodyChip:
    """A card without a file."""
    return CustodyChip(MemoryStorage(values), entropy)


def refuse_production(profile: str) -> None:
    """Raises StandInRefusedError for `profile = production`."""
    if profile == "production":
        raise StandInRefusedError("a mother card in software keeps no secret")


def warn_stand_in() -> None:
    """Say once per process that this card is not metal."""
    if not _warned:
        _warned.append("custody")
        print("stand-in: mother and transport cards in software; they keep no secret", file=sys.stderr)
