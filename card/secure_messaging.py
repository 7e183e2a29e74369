"""Line protection of commands (card §2.3, keys-and-purse §1.8): the MAC, and encryption of what must stay secret.

The card floor states what it needs as a protocol of two methods; who holds the key is upstairs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from card.apdu import SHORT_DATA, CommandApdu
from card.files.kinds import KeySpec
from card.files.profile import Crypto

SECURE_CLA = 0x04  # CLA low nibble that marks secure messaging
_PAD = 0x80


class LineKey(Protocol):
    """A line key of the selected directory: the key itself never comes down here."""

    def mac(self, initial: bytes, message: bytes) -> bytes:
        """MAC over the unpadded `message` with the given initial value; the leftmost bytes are used."""
        ...

    def encrypt(self, blocks: bytes) -> bytes:
        """ECB encryption of whole blocks."""
        ...


class CardCrypto(Protocol):
    """The keys of one card, used by name and never handed down: a PSAM, a key centre, or keys in hand.

    `version` None: the lowest declared one for authentications, the newest for line keys and master keys, as the card
    itself takes them.
    """

    def authenticate(self, key: KeySpec, process: bytes, original: bytes, version: int | None = None) -> bytes:
        """Cryptogram of internal or external authentication, 8 bytes; both inputs 8 bytes."""
        ...

    def line(self, key: KeySpec, version: int | None = None) -> LineKey:
        """The key as the line key of protected commands."""
        ...

    def master_proof(self, key: KeySpec, challenge: bytes, version: int | None = None) -> bytes:
        """8 bytes by which a master key shows itself (card §2.2 no. 5)."""
        ...


# (key, the chip's challenge) -> cryptogram 8 ‖ original 8: how a session is given a right without holding a key.
Authorise: TypeAlias = Callable[[KeySpec, bytes], bytes]


@dataclass(frozen=True, slots=True)
class LineRule:
    """How a profile protects its lines: cipher block, bytes of MAC, bytes of challenge in the initial value."""

    block: int = 8
    mac_length: int = 4
    challenge_length: int = 4


DES_LINE = LineRule()
_BLOCKS = {"3des": 8, "sm4": 16}
_CHALLENGES = {"challenge4": 4, "challenge8": 8}


def line_rule(crypto: Crypto) -> LineRule:
    """The rule of a profile's crypto (card §2.3; the initial value's length is profile data, card §7)."""
    return LineRule(_BLOCKS.get(crypto.algorithm, 8), crypto.mac_length, _CHALLENGES.get(crypto.mac_iv, 4))


def initial_value(challenge: bytes, block: int = 8) -> bytes:
    """The MAC's initial value from GET CHALLENGE: the challenge, filled with zero on the right (card §2.3, B)."""
    if len(challenge) > block:
        raise ValueError("challenge longer than a block")
    return challenge + bytes(block - len(challenge))


def seal(command: CommandApdu, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """`command` with secure CLA and the MAC behind its data; the MAC covers CLA INS P1 P2 Lc and the data."""
    size = len(command.data) + rule.mac_length
    if size > SHORT_DATA:
        raise ValueError("protected command exceeds one short APDU")
    head = bytes((command.cla | SECURE_CLA, command.ins, command.p1, command.p2))
    mac = key.mac(initial_value(challenge, rule.block), head + bytes([size]) + command.data)
    return CommandApdu(head[0], head[1], head[2], head[3], command.data + mac[: rule.mac_length], command.le)


def seal_encrypted(command: CommandApdu, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """As `seal`, with the data encrypted first: length 1 ‖ data, padded 80 00.. only when not whole blocks (B)."""
    plain = bytes([len(command.data)]) + command.data
    if len(plain) % rule.block:
        plain += bytes([_PAD])
        plain += bytes(-len(plain) % rule.block)
    hidden = CommandApdu(command.cla, command.ins, command.p1, command.p2, key.encrypt(plain), command.le)
    return seal(hidden, key, challenge, rule)
