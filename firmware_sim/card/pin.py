"""VERIFY, CHANGE PIN, PIN UNBLOCK (card §2.1). PIN values are BCD, padded FF to 16 bytes inside the chip."""

from card.files.profile import PinSpec
from firmware_sim.card import crypto, memory
from firmware_sim.card.cos import INITIAL_PIN_PROOF, PIN_PROOF, PUK, Card, Handler
from firmware_sim.card.dispatch import Command, want_data
from firmware_sim.card.files import mac_iv
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_P1P2,
    BLOCKED,
    KEY_NOT_FOUND,
    TRIES_LEFT,
    WRONG_LENGTH,
    SwError,
)

BLOCK = 16
SHORTEST, LONGEST = 2, 6
SEPARATOR = 0xFF
RELOAD_LENGTH = 12
IS_INITIAL = b"\x01"
CHANGED = b"\x00"


def pad_pin(bcd: bytes) -> bytes:
    """BCD digits as the chip keeps them."""
    return bcd + b"\xff" * (BLOCK - len(bcd))


def verify(card: Card, command: Command) -> bytes:
    """00 20: proves the holder. Without data: 63Cx, tries left. The initial PIN is accepted but opens nothing."""
    spec = _spec(card)
    if command.p1 or command.p2 != spec.verify_p2:
        raise SwError(BAD_P1P2)
    if not command.data:
        left = _left(card, spec)
        raise SwError(TRIES_LEFT | left if left else BLOCKED)
    if not SHORTEST <= len(command.data) <= LONGEST:
        raise SwError(WRONG_LENGTH)
    _compare(card, spec, command.data)
    initial = spec.must_change_initial and card.nv.get(memory.PIN_IS_INITIAL) == IS_INITIAL
    card.session.grant(spec.dir, INITIAL_PIN_PROOF if initial else PIN_PROOF)
    return b""


def change_pin(card: Card, command: Command) -> bytes:
    """80 5E 01 00: old BCD || FF || new BCD. The new PIN is of the profile's length and not the initial one."""
    spec = _spec(card)
    if command.p1 != 1 or command.p2:
        raise SwError(BAD_P1P2)
    old, separator, new = command.data.partition(bytes((SEPARATOR,)))
    if not separator or not SHORTEST <= len(old) <= LONGEST:
        raise SwError(WRONG_LENGTH)
    if not _is_pin(new, spec.length) or pad_pin(new) == card.nv.get(memory.PIN_INITIAL):
        raise SwError(BAD_DATA)
    _compare(card, spec, old)
    card.nv.commit({memory.PIN_VALUE: pad_pin(new), memory.PIN_IS_INITIAL: CHANGED})
    card.session.proofs.get(spec.dir, set()).discard(INITIAL_PIN_PROOF)
    return b""


def unblock(card: Card, command: Command) -> bytes:
    """84 24 00 00 || MAC4 under the PUK: the PIN's tries are full again, its value stays."""
    spec = _spec(card)
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    given = want_data(command, 4)
    key, version = card.need_key(spec.dir, PUK, 0)
    right = crypto.retail_mac(key, command.header(4), mac_iv(card))
    full = card.nv.need(memory.key_name(spec.dir, PUK, 0, version))[4]
    card.attempt(memory.tries_name(spec.dir, PUK, 0), full, given == right)
    card.nv.commit({memory.PIN_TRIES: bytes((spec.max_tries,))})
    return b""


def reload(card: Card, command: Command) -> bytes:
    """84 D4 00 00 0C: 3DES-ECB(PUK, length || BCD || 80 00..) || MAC4: the counter gives the holder a new PIN."""
    spec = _spec(card)
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    data = want_data(command, RELOAD_LENGTH)
    key, version = card.need_key(spec.dir, PUK, 0)
    right = crypto.retail_mac(key, command.header(RELOAD_LENGTH) + data[:8], mac_iv(card))
    full = card.nv.need(memory.key_name(spec.dir, PUK, 0, version))[4]
    card.attempt(memory.tries_name(spec.dir, PUK, 0), full, data[8:] == right)
    plain = crypto.decrypt(key, data[:8])
    bcd = plain[1 : 1 + spec.length // 2]
    if plain != (bytes((len(bcd),)) + bcd + b"\x80").ljust(8, b"\0") or not _is_pin(bcd, spec.length):
        raise SwError(BAD_DATA)
    initial = IS_INITIAL if pad_pin(bcd) == card.nv.get(memory.PIN_INITIAL) else CHANGED
    full_tries = bytes((spec.max_tries,))
    card.nv.commit({memory.PIN_VALUE: pad_pin(bcd), memory.PIN_IS_INITIAL: initial, memory.PIN_TRIES: full_tries})
    return b""


def _spec(card: Card) -> PinSpec:
    spec = card.plan.pin
    if spec is None or spec.dir not in card.plan.lineage(card.session.directory):
        raise SwError(KEY_NOT_FOUND)
    if card.nv.get(memory.PIN_VALUE) is None:
        raise SwError(KEY_NOT_FOUND)
    return spec


def _left(card: Card, spec: PinSpec) -> int:
    return (card.nv.get(memory.PIN_TRIES) or bytes((spec.max_tries,)))[0]


def _compare(card: Card, spec: PinSpec, bcd: bytes) -> None:
    right = pad_pin(bcd) == card.nv.need(memory.PIN_VALUE)
    card.attempt(memory.PIN_TRIES, spec.max_tries, right)


def _is_pin(bcd: bytes, digits: int) -> bool:
    return len(bcd) == digits // 2 and all(nibble < 10 for byte in bcd for nibble in (byte >> 4, byte & 0x0F))


HANDLERS: dict[int, Handler] = {0x0020: verify, 0x805E: change_pin, 0x8424: unblock}
