"""The declared management commands of this COS (profile table [cos]): blank -> initialised -> personalised."""

from firmware_sim.card import crypto, memory, pin
from firmware_sim.card.blueprint import MF
from firmware_sim.card.cos import HEADER, MASTER, PIN_KEY, Card, Handler, check_mac
from firmware_sim.card.dispatch import Command, want_data, want_le
from firmware_sim.card.files import mac_iv
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_P1P2,
    CONDITIONS,
    NO_CHALLENGE,
    SECURITY,
    SwError,
)

KEY_BLOCK = 32  # 3DES-ECB of pad80(Ld || header 8 || key 16)
KEY_LENGTH = 16
MAC = 4
ALGORITHM_3DES = 0x00
PROOF_LENGTH = 10
PROOF_RANDOM = 8
P1_MASTER, P1_OTHER = 0x01, 0x00


def initialise(card: Card, command: Command) -> bytes:
    """80 F0 00 00 06 region 3 || serial 3: the tail of the ATR from the next reset on. Repeating it is harmless."""
    tail = want_data(command, 6)
    if not card.session.personalising or card.session.directory != MF:
        raise SwError(SECURITY)
    if card.in_state("initialised") and card.nv.need(memory.ATR_TAIL) == tail:
        return b""
    if not card.in_state("blank"):
        raise SwError(CONDITIONS)
    initialised = bytes((card.plan.cos.lifecycle["initialised"],))
    card.nv.commit({memory.ATR_TAIL: tail, memory.LIFECYCLE: initialised})
    return b""


def write_key(card: Card, command: Command) -> bytes:
    """84 D4 P1 00 24: a key enciphered and signed under the master key of the selected directory.

    The first key of a directory is its master key, which takes the place of the transport key. The short form of the
    same instruction reloads the PIN (card §2.1).
    """
    if len(command.data) == pin.RELOAD_LENGTH:
        return pin.reload(card, command)
    if not card.in_state("initialised"):
        raise SwError(CONDITIONS)
    if command.p2 or command.p1 not in (P1_MASTER, P1_OTHER):
        raise SwError(BAD_P1P2)
    data = want_data(command, KEY_BLOCK + MAC)
    directory = card.session.directory
    master, version = card.need_key(directory, MASTER, 0)
    signed = command.header(KEY_BLOCK + MAC) + data[:KEY_BLOCK]
    check_mac(data[KEY_BLOCK:], crypto.retail_mac(master, signed, mac_iv(card)))
    header, value = _open_block(crypto.decrypt(master, data[:KEY_BLOCK]))
    if (command.p1 == P1_MASTER) != (header[0] == MASTER):
        raise SwError(BAD_P1P2)
    if version == memory.TRANSPORT_VERSION and header[0] != MASTER:
        raise SwError(CONDITIONS)
    _check_declared(card, directory, header)
    card.nv.commit(_changes(card, directory, header, value))
    card.forget_keys()
    return b""


def _open_block(plain: bytes) -> tuple[bytes, bytes]:
    length = HEADER + KEY_LENGTH
    if plain[0] != length or plain != (bytes((length,)) + plain[1 : 1 + length] + b"\x80").ljust(KEY_BLOCK, b"\0"):
        raise SwError(BAD_DATA)
    header, value = plain[1 : 1 + HEADER], plain[1 + HEADER : 1 + length]
    if header[5] != ALGORITHM_3DES or header[7] > KEY_LENGTH or header[2] == memory.TRANSPORT_VERSION:
        raise SwError(BAD_DATA)
    return header, value


def _check_declared(card: Card, directory: str, header: bytes) -> None:
    if header[0] == PIN_KEY:
        if card.plan.pin is None or card.plan.pin.dir != directory:
            raise SwError(BAD_DATA)
    elif card.plan.key(directory, header[0], header[1]) is None:
        raise SwError(BAD_DATA)


def _changes(card: Card, directory: str, header: bytes, value: bytes) -> dict[str, bytes | None]:
    kind, kid, version, _, tries = header[:5]
    if kind == PIN_KEY:
        return {
            memory.PIN_VALUE: value,
            memory.PIN_INITIAL: value,
            memory.PIN_IS_INITIAL: b"\x01",
            memory.PIN_TRIES: bytes((tries,)),
        }
    changes: dict[str, bytes | None] = {}
    if kind == MASTER:
        changes.update(dict.fromkeys(card.nv.names(memory.key_prefix(directory, kind, kid))))
    changes[memory.key_name(directory, kind, kid, version)] = header + value
    changes[memory.tries_name(directory, kind, kid)] = bytes((tries,))
    return changes


def end_personalisation(card: Card, command: Command) -> bytes:
    """84 F2 00 00 04 || MAC4 under the MF's master key: from now on the access rules of the profile hold."""
    given = want_data(command, MAC)
    if card.session.directory != MF or not card.in_state("initialised"):
        raise SwError(CONDITIONS)
    for directory in card.plan.dirs:
        if card.need_key(directory, MASTER, 0)[1] == memory.TRANSPORT_VERSION:
            raise SwError(CONDITIONS)
    master, _ = card.need_key(MF, MASTER, 0)
    check_mac(given, crypto.retail_mac(master, command.header(MAC), mac_iv(card)))
    card.nv.commit({memory.LIFECYCLE: bytes((card.plan.cos.lifecycle["personalised"],))})
    card.session.personalising = False
    return b""


def prove_key_version(card: Card, command: Command) -> bytes:
    """80 F4 00 00: lifecycle 1 || batch 4 || master key version 1 || MAC4 under that key, IV 0.

    With Lc 08 the MAC covers the host's random || the three facts: it can be neither replayed nor bent. Without data it
    covers the card's last challenge only.
    """
    master, version = card.need_key(card.session.directory, MASTER, 0)
    head = bytes((card.lifecycle,)) + card.nv.need(memory.BATCH) + bytes((version,))
    if command.data:
        return head + crypto.retail_mac(master, want_data(command, PROOF_RANDOM) + head)
    want_le(command, PROOF_LENGTH)
    challenge, card.session.challenge = card.session.challenge, b""
    if not challenge:
        raise SwError(NO_CHALLENGE)
    return head + crypto.retail_mac(master, challenge)


HANDLERS: dict[int, Handler] = {
    0x80F0: initialise,
    0x84D4: write_key,
    0x84F2: end_personalisation,
    0x80F4: prove_key_version,
}
