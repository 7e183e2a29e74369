"""The declared management commands of this COS (profile table [cos]): blank -> initialised -> personalised."""

from firmware_sim.card import memory, pin
from firmware_sim.card.blueprint import MF
from firmware_sim.card.cos import HEADER, INITIAL_PIN_PROOF, MASTER, PIN_KEY, PIN_PROOF, TRIES_AT, Card
from firmware_sim.card.dispatch import Command, want_le
from firmware_sim.card.line import MAC, check_line, decipher
from firmware_sim.card.rules import Form, Rule, always, exactly, plain, sizes
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_P1P2,
    CONDITIONS,
    NO_SPACE,
    SECURITY,
    SwError,
)

KEY_BLOCK = 32  # enciphered length || header 8 || key 16, padded
KEY_LENGTH = 16
THE_DIRECTORYS = 0x00  # algorithm in a key header: that of the directory
PROOF_LENGTH = 10
PROOF_RANDOM = 8
P1_MASTER = 0x01
VERSIONS_MAX = 4  # of one key side by side (card §3.1, B)


def initialise(card: Card, command: Command) -> bytes:
    """80 F0 00 00 06 region 3 || serial 3: the tail of the ATR from the next reset on. Repeating it is harmless."""
    tail = command.data
    if not card.session.personalising or card.session.directory != MF:
        raise SwError(SECURITY)
    if card.in_state("initialised"):
        if card.nv.need(memory.ATR_TAIL) == tail:
            return b""
        raise SwError(CONDITIONS)
    initialised = bytes((card.plan.cos.lifecycle["initialised"],))
    card.nv.commit({memory.ATR_TAIL: tail, memory.LIFECYCLE: initialised})
    return b""


def write_key(card: Card, command: Command) -> bytes:
    """84 D4 P1 00 24: a key enciphered and signed under the master key of the selected directory.

    The first key of a directory is its master key, which takes the place of the transport key. On a personalised card
    the directory's master key must have been proven before. The short form reloads the PIN (card §2.1).
    """
    if len(command.data) != KEY_BLOCK + MAC:
        return pin.reload(card, command)
    directory = card.session.directory
    master, version = card.keys.need(directory, MASTER, 0)
    _may_write_keys(card, directory)
    hidden = check_line(card, directory, master, command)
    header, value = _key_block(decipher(card, directory, master, hidden))
    if (command.p1 == P1_MASTER) != (header[0] == MASTER):
        raise SwError(BAD_P1P2)
    if version == memory.TRANSPORT_VERSION and header[0] != MASTER:
        raise SwError(CONDITIONS)
    _check_declared(card, directory, header)
    card.nv.commit(_changes(card, directory, header, value))
    card.keys.forget()
    if header[0] == PIN_KEY:
        card.session.revoke(directory, PIN_PROOF, INITIAL_PIN_PROOF)
    return b""


def _may_write_keys(card: Card, directory: str) -> None:
    if card.in_state("initialised"):
        return
    spec = card.plan.key(directory, MASTER, 0)
    if spec is None or f"key:{spec.name}" not in card.session.proofs.get(directory, ()):
        raise SwError(CONDITIONS)


def _key_block(content: bytes) -> tuple[bytes, bytes]:
    if len(content) != HEADER + KEY_LENGTH:
        raise SwError(BAD_DATA)
    header, value = content[:HEADER], content[HEADER:]
    if header[5] != THE_DIRECTORYS or header[7] > KEY_LENGTH or header[2] == memory.TRANSPORT_VERSION:
        raise SwError(BAD_DATA)
    return header, value


def _check_declared(card: Card, directory: str, header: bytes) -> None:
    kind, kid, version = header[:3]
    if kind == PIN_KEY:
        if card.plan.pin is None or card.plan.pin.dir != directory:
            raise SwError(BAD_DATA)
        return
    if card.plan.key(directory, kind, kid) is None:
        raise SwError(BAD_DATA)
    there = card.keys.versions(directory, kind, kid)
    if kind != MASTER and version not in there and len(there) >= VERSIONS_MAX:
        raise SwError(NO_SPACE)


def _changes(card: Card, directory: str, header: bytes, value: bytes) -> dict[str, bytes | None]:
    kind, kid, version = header[:3]
    tries = header[TRIES_AT : TRIES_AT + 1]
    if kind == PIN_KEY:
        return {
            memory.PIN_VALUE: value,
            memory.PIN_INITIAL: value,
            memory.PIN_IS_INITIAL: pin.IS_INITIAL,
            memory.PIN_TRIES: tries,
        }
    changes: dict[str, bytes | None] = {}
    if kind == MASTER:
        changes.update(dict.fromkeys(card.nv.names(memory.key_prefix(directory, kind, kid))))
    changes[memory.key_name(directory, kind, kid, version)] = header + value
    changes[memory.tries_name(directory, kind, kid)] = tries
    return changes


def end_personalisation(card: Card, command: Command) -> bytes:
    """84 F2 00 00 04 || MAC4 under the MF's master key: from now on the access rules of the profile hold."""
    if card.session.directory != MF:
        raise SwError(CONDITIONS)
    for directory in card.plan.dirs:
        if card.keys.need(directory, MASTER, 0)[1] == memory.TRANSPORT_VERSION:
            raise SwError(CONDITIONS)
    master, _ = card.keys.need(MF, MASTER, 0)
    check_line(card, MF, master, command)
    card.nv.commit({memory.LIFECYCLE: bytes((card.plan.cos.lifecycle["personalised"],))})
    card.session.personalising = False
    return b""


def prove_key_version(card: Card, command: Command) -> bytes:
    """80 F4 00 00: lifecycle 1 || batch 4 || master key version 1 || MAC4 under that key, IV 0.

    With Lc 08 the MAC covers the host's random || the three facts: it can be neither replayed nor bent. Without data it
    covers the card's last challenge only.
    """
    directory = card.session.directory
    master, version = card.keys.need(directory, MASTER, 0)
    head = bytes((card.lifecycle,)) + card.nv.need(memory.BATCH) + bytes((version,))
    if command.data:
        return head + card.family().line_mac(master, command.data + head)
    want_le(command, PROOF_LENGTH)
    return head + card.family().line_mac(master, card.session.use_challenge())


def _d4_word(command: Command) -> str:
    return "write_key" if len(command.data) == KEY_BLOCK + MAC else "reload_pin"


_WORD = always("maintenance")
RULES: dict[int, Rule] = {
    0x80F0: Rule(initialise, "BI", plain(0x0000, 6), _WORD),
    0x84D4: Rule(
        write_key,
        "IP",
        (Form(exactly(0x0000, 0x0100), sizes(KEY_BLOCK + MAC)), Form(exactly(0x0000), pin.reload_lengths)),
        _d4_word,
    ),
    0x84F2: Rule(end_personalisation, "I", plain(0x0000, MAC), _WORD),
    0x80F4: Rule(prove_key_version, "BIP", plain(0x0000, 0, PROOF_RANDOM)),
}
