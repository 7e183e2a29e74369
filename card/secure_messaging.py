"""Line protection of commands (card §2.3, keys-and-purse §1.8): the MAC, and encryption of what must stay secret.

The card floor states what it needs as a protocol of two methods; who holds the key is upstairs.
"""

from typing import Protocol

from card.apdu import SHORT_DATA, CommandApdu

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


def initial_value(challenge: bytes, block: int = 8) -> bytes:
    """The MAC's initial value from GET CHALLENGE: the challenge, filled with zero on the right (card §2.3, B)."""
    if len(challenge) > block:
        raise ValueError("challenge longer than a block")
    return challenge + bytes(block - len(challenge))


def seal(command: CommandApdu, key: LineKey, challenge: bytes, mac_length: int = 4) -> CommandApdu:
    """`command` with secure CLA and the MAC behind its data; the MAC covers CLA INS P1 P2 Lc and the data."""
    size = len(command.data) + mac_length
    if size > SHORT_DATA:
        raise ValueError("protected command exceeds one short APDU")
    head = bytes((command.cla | SECURE_CLA, command.ins, command.p1, command.p2))
    mac = key.mac(initial_value(challenge), head + bytes([size]) + command.data)
    return CommandApdu(head[0], head[1], head[2], head[3], command.data + mac[:mac_length], command.le)


def seal_encrypted(
    command: CommandApdu, key: LineKey, challenge: bytes, mac_length: int = 4, block: int = 8
) -> CommandApdu:
    """As `seal`, with the data encrypted first: length 1 ‖ data, padded 80 00.. only when not whole blocks (B)."""
    plain = bytes([len(command.data)]) + command.data
    if len(plain) % block:
        plain += bytes([_PAD])
        plain += bytes(-len(plain) % block)
    hidden = CommandApdu(command.cla, command.ins, command.p1, command.p2, key.encrypt(plain), command.le)
    return seal(hidden, key, challenge, mac_length)
