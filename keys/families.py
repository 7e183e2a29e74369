"""The two algorithm families of social security cards as pure formulas, chosen by the profile alone.

DES family: card §2.2, §2.3, §3.2; pinned by published and recomputed numbers. SM4 family: card §3.3, declared by this
project (C), since its texts are not public: it serves only behind a profile marked unverified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keys import hierarchy
from keys.algorithms import sm4, tdes
from keys.algorithms.mac import retail_mac, sm4_cbc_mac
from keys.errors import CardAlgorithmError


@dataclass(frozen=True, slots=True)
class CardFamily:
    """What a family computes. Keys are 16 bytes; factors, challenges and originals 8; `block` is the cipher's."""

    name: str
    block: int
    diversify: Callable[[bytes, bytes], bytes]
    cipher: Callable[[bytes, bytes], bytes]
    chained: Callable[[bytes, bytes, bytes], bytes]

    def cryptogram(self, key: bytes, process: bytes, original: bytes) -> bytes:
        """8 bytes of internal or external authentication."""
        return hierarchy.authentication_cryptogram(key, process, original, self.name)

    def transport_cryptogram(self, key: bytes, challenge: bytes) -> bytes:
        """8 bytes by which a transport or master key shows itself."""
        return hierarchy.transport_cryptogram(key, challenge, self.name)

    def mac(self, key: bytes, initial: bytes, message: bytes) -> bytes:
        """One block of line MAC over the unpadded message; users keep the leftmost 4. `initial` empty: zeros."""
        return self.chained(key, message, initial or bytes(self.block))

    def encrypt(self, key: bytes, blocks: bytes) -> bytes:
        """ECB of whole blocks."""
        return self.cipher(key, blocks)

    def card_id_mac(self, key: bytes, first12: bytes) -> bytes:
        """Bytes 13-16 of the card identification code under the card's own IRK (card §1.10)."""
        return self.mac(key, b"", first12)[:4]


FAMILIES: Final = {
    "3des": CardFamily("3des", tdes.BLOCK, hierarchy.diversify_3des, tdes.encrypt_ecb, retail_mac),
    "sm4": CardFamily("sm4", sm4.BLOCK, hierarchy.diversify_sm4, sm4.encrypt_ecb, sm4_cbc_mac),
}


def family_of(algorithm: str) -> CardFamily:
    """`algorithm` as profiles and key trees name it; CardAlgorithmError for one we do not compute (SSF33, SM1)."""
    try:
        return FAMILIES[algorithm]
    except KeyError:
        raise CardAlgorithmError(algorithm) from None


class FamilyLine:
    """A key of one family as the line key of protected commands. Never prints the key."""

    __slots__ = ("_family", "_key")

    def __init__(self, family: CardFamily, key: bytes) -> None:
        self._family = family
        self._key = key

    def mac(self, initial: bytes, message: bytes) -> bytes:
        """MAC over the unpadded message."""
        return self._family.mac(self._key, initial, message)

    def encrypt(self, blocks: bytes) -> bytes:
        """ECB of whole blocks."""
        return self._family.encrypt(self._key, blocks)

    def __repr__(self) -> str:
        return f"FamilyLine({self._family.name})"
