"""VERIFY, CHANGE PIN, UNBLOCK PIN, RELOAD PIN (card §2.1). Values are BCD, padded FF to 16 bytes inside the chip."""

from collections.abc import Container

from card.files.profile import PinSpec
from firmware_sim.card import certificate, memory
from firmware_sim.card.cos import INITIAL_PIN_PROOF, PIN_PROOF, PUK, Card, under_counter
from firmware_sim.card.dispatch import Command
from firmware_sim.card.line import MAC, decipher, right_mac
from firmware_sim.card.rules import Form, Rule, always, exactly, sizes, within
from firmware_sim.card.status import BAD_DATA, BLOCKED, KEY_NOT_FOUND, TRIES_LEFT, SwError

BLOCK = 16
SHORTEST, LONGEST = 2, 6
SEPARATOR = 0xFF
IS_INITIAL = b"\x01"
CHANGED = b"\x00"
RELOAD_BLOCKS = {"3des": 8, "sm4": 16}  # bytes of enciphered PIN


def pad_pin(bcd: bytes) -> bytes:
    """BCD digits as the chip keeps them."""
    return bcd + b"\xff" * (BLOCK - len(bcd))


def verify(card: Card, command: Command) -> bytes:
    """00 20: proves the holder. Without data: 63Cx, tries left. The initial PIN is accepted but opens nothing."""
    if command.p1:
        return certificate.verify(card, command)
    spec = _spec(card)
    if not command.data:
        left = (card.nv.get(memory.PIN_TRIES) or bytes((spec.max_tries,)))[0]
        raise SwError(TRIES_LEFT | left if left else BLOCKED)
    _compare(card, spec, command.data)
    initial = spec.must_change_initial and card.nv.get(memory.PIN_IS_INITIAL) == IS_INITIAL
    card.session.grant(spec.dir, INITIAL_PIN_PROOF if initial else PIN_PROOF)
    return b""


def change_pin(card: Card, command: Command) -> bytes:
    """80 5E 01 00: old BCD || FF || new BCD. The new PIN is of the profile's length and not the initial one."""
    spec = _spec(card)
    card.tries_left(memory.PIN_TRIES, spec.max_tries)
    old, separator, new = command.data.partition(bytes((SEPARATOR,)))
    if not separator or not SHORTEST <= len(old) <= LONGEST:
        raise SwError(BAD_DATA)
    if not _is_pin(new, spec.length) or pad_pin(new) == card.nv.get(memory.PIN_INITIAL):
        raise SwError(BAD_DATA)
    _compare(card, spec, old)
    card.nv.commit({memory.PIN_VALUE: pad_pin(new), memory.PIN_IS_INITIAL: CHANGED})
    card.session.revoke(spec.dir, INITIAL_PIN_PROOF)
    return b""


def unblock(card: Card, command: Command) -> bytes:
    """84 24 00 00 || MAC4 under the PUK: the PIN's tries are full again, its value stays."""
    spec = _spec(card)
    _under_puk(card, spec, command)
    card.nv.commit({memory.PIN_TRIES: bytes((spec.max_tries,))})
    return b""


def reload(card: Card, command: Command) -> bytes:
    """84 D4 00 00: E(PUK, length || BCD || 80 00..) || MAC4: the counter gives the holder a new PIN."""
    spec = _spec(card)
    key = _under_puk(card, spec, command)
    bcd = decipher(card, spec.dir, key, command.data[:-MAC])
    if not _is_pin(bcd, spec.length):
        raise SwError(BAD_DATA)
    initial = IS_INITIAL if pad_pin(bcd) == card.nv.get(memory.PIN_INITIAL) else CHANGED
    full = bytes((spec.max_tries,))
    card.nv.commit({memory.PIN_VALUE: pad_pin(bcd), memory.PIN_IS_INITIAL: initial, memory.PIN_TRIES: full})
    card.session.revoke(spec.dir, PIN_PROOF, INITIAL_PIN_PROOF)
    return b""


def reload_lengths(card: Card) -> Container[int]:
    """Length of RELOAD PIN's data: one block of the algorithm of the selected directory, and the MAC."""
    return (RELOAD_BLOCKS[card.plan.crypto(card.session.directory).algorithm] + MAC,)


def _under_puk(card: Card, spec: PinSpec, command: Command) -> bytes:
    """The PUK, after a counted MAC. SwError 6A88, 6983, 6984, 63Cx."""
    key, version = card.keys.need(spec.dir, PUK, 0)
    counter = under_counter(card, spec.dir, PUK, 0, version)
    card.attempt(*counter, command.data[-MAC:] == right_mac(card, spec.dir, key, command))
    return key


def _spec(card: Card) -> PinSpec:
    spec = card.plan.pin
    if spec is None or spec.dir not in card.plan.lineage(card.session.directory):
        raise SwError(KEY_NOT_FOUND)
    if card.nv.get(memory.PIN_VALUE) is None:
        raise SwError(KEY_NOT_FOUND)
    return spec


def _compare(card: Card, spec: PinSpec, bcd: bytes) -> None:
    right = pad_pin(bcd) == card.nv.need(memory.PIN_VALUE)
    card.tries_left(memory.PIN_TRIES, spec.max_tries)
    if not right:
        card.session.revoke(spec.dir, PIN_PROOF, INITIAL_PIN_PROOF)
    card.attempt(memory.PIN_TRIES, spec.max_tries, right)


def _is_pin(bcd: bytes, digits: int) -> bool:
    return len(bcd) == digits // 2 and all(nibble < 10 for byte in bcd for nibble in (byte >> 4, byte & 0x0F))


def _holder(card: Card, command: Command) -> bool:
    return command.p1 == 0 and command.p2 == (card.plan.pin.verify_p2 if card.plan.pin else 0)


RULES: dict[int, Rule] = {
    0x0020: Rule(
        verify,
        "BIP",
        (Form(_holder, sizes(0, 2, 3, 4, 5, 6)), Form(exactly(0x0181, 0x0100), sizes(0, BLOCK))),
        always("verify"),
    ),
    0x805E: Rule(change_pin, "BIP", (Form(exactly(0x0100), within(range(5, 14))),), always("change_pin")),
    0x845E: Rule(
        certificate.change_pin, "P", (Form(exactly(0x0100, 0x0000), sizes(BLOCK + MAC)),), always("change_pin")
    ),
    0x8424: Rule(unblock, "IP", (Form(exactly(0x0000, 0x0001), sizes(MAC)),), always("unblock_pin")),
}
