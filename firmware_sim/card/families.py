"""The chip's arithmetic by algorithm family: what EXTERNAL AUTHENTICATION, line protection and the purse compute.

Written apart from `keys` on purpose, like `crypto`. The DES family: card §2.2, §2.3, keys-and-purse §1.4. The SM4
family is declared by this project (card §3.3, keys-and-purse §1.9: no text of it is public), profiles say so.
"""

from typing import Protocol

from firmware_sim.card import crypto

MAC = 4
CRYPTOGRAM = 8


class BadBlockError(ValueError):
    """A deciphered block is not length || content || 80 00.."""


class Family(Protocol):
    """Keys are 16 bytes, challenges 4 or 8, process data and cryptograms 8, MACs 4."""

    block: int

    def prove_master(self, key: bytes, challenge: bytes) -> bytes:
        """Cryptogram of EXTERNAL AUTHENTICATION Lc 08."""
        ...

    def cryptogram(self, key: bytes, process: bytes, original: bytes) -> bytes:
        """EA and IA: `original` under the session key of `process` (challenge or factor)."""
        ...

    def line_mac(self, key: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        """Line protection: MAC with IV = challenge || 00.."""
        ...

    def decipher(self, key: bytes, data: bytes) -> bytes:
        """Content of an enciphered block Ld || content || 80 00... Raises BadBlockError."""
        ...

    def purse_session(self, key: bytes, varied: bytes) -> bytes:
        """Session key of a purse transaction; `varied` is random 4 || sequence 2 || 2 bytes."""
        ...

    def purse_mac(self, session: bytes, data: bytes) -> bytes:
        """MAC1, MAC2, MAC3."""
        ...

    def tac(self, key: bytes, data: bytes) -> bytes:
        """Transaction authentication code under the 16-byte DTK."""
        ...


class DesFamily:
    """3DES with 16-byte keys, single DES with session keys."""

    block = 8

    def prove_master(self, key: bytes, challenge: bytes) -> bytes:
        return crypto.encrypt(key, challenge)

    def cryptogram(self, key: bytes, process: bytes, original: bytes) -> bytes:
        return crypto.encrypt(crypto.session(key, process), original)

    def line_mac(self, key: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        return crypto.retail_mac(key, data, challenge.ljust(self.block, b"\0"))

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return _content(crypto.decrypt(key, data), self.block)

    def purse_session(self, key: bytes, varied: bytes) -> bytes:
        return crypto.session(key, varied)

    def purse_mac(self, session: bytes, data: bytes) -> bytes:
        return crypto.des_mac(session, data)

    def tac(self, key: bytes, data: bytes) -> bytes:
        return crypto.des_mac(crypto.fold(key), data)


class Sm4Family:
    """SM4 as declared: 16-byte blocks everywhere, cryptograms folded to 8 bytes, MACs cut to 4."""

    block = 16

    def prove_master(self, key: bytes, challenge: bytes) -> bytes:
        return _halves(crypto.sm4_encrypt(key, _pad(challenge, self.block)))

    def cryptogram(self, key: bytes, process: bytes, original: bytes) -> bytes:
        session = crypto.sm4_encrypt(key, _doubled(process))
        return _halves(crypto.sm4_encrypt(session, _pad(original, self.block)))

    def line_mac(self, key: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        return self._mac(key, data, challenge.ljust(self.block, b"\0"))

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return _content(crypto.sm4_decrypt(key, data), self.block)

    def purse_session(self, key: bytes, varied: bytes) -> bytes:
        return crypto.sm4_encrypt(key, _doubled(varied))

    def purse_mac(self, session: bytes, data: bytes) -> bytes:
        return self._mac(session, data, bytes(self.block))

    def tac(self, key: bytes, data: bytes) -> bytes:
        return self._mac(key, data, bytes(self.block))

    def _mac(self, key: bytes, data: bytes, initial: bytes) -> bytes:
        return crypto.sm4_last_block(key, _pad(data, self.block), initial)[:MAC]


DES, SM4 = DesFamily(), Sm4Family()


def family(algorithm: str) -> Family:
    """The family a profile's `[crypto] algorithm` names. ValueError for one no chip here has."""
    if algorithm == "3des":
        return DES
    if algorithm == "sm4":
        return SM4
    raise ValueError(f"no chip here computes {algorithm!r}")


def _pad(data: bytes, block: int) -> bytes:
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def _doubled(eight: bytes) -> bytes:
    """x || NOT x."""
    return eight + bytes(byte ^ 0xFF for byte in eight)


def _halves(sixteen: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(sixteen[:CRYPTOGRAM], sixteen[CRYPTOGRAM:], strict=True))


def _content(plain: bytes, block: int) -> bytes:
    """Padding stands only where Ld || content does not fill its blocks (card §2.3)."""
    length = plain[0] if plain else 0
    framed = plain[: 1 + length]
    if len(framed) % block:
        framed = _pad(framed, block)
    if not length or framed != plain:
        raise BadBlockError
    return plain[1 : 1 + length]
