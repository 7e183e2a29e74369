"""The formulas of card and purse, written from the standards' pages on libraries the chip does not use.

3DES and DES: pycryptodome. SM4: gmalg. Formulas: card §2.2, §2.3, §3.2, §3.3; keys-and-purse §1.4, §1.9.
"""

from functools import lru_cache
from typing import Protocol

from Crypto.Cipher import DES, DES3
from gmalg import SM4


class Suite(Protocol):
    """One family of algorithms: what a profile's [crypto] table chooses."""

    block: int

    def encrypt(self, key: bytes, data: bytes) -> bytes: ...

    def decrypt(self, key: bytes, data: bytes) -> bytes: ...

    def answer(self, key: bytes, seed: bytes, original: bytes) -> bytes: ...

    def master_proof(self, key: bytes, challenge: bytes) -> bytes: ...

    def sm_mac(self, key: bytes, message: bytes, challenge: bytes) -> bytes: ...

    def purse_session(self, key: bytes, seed: bytes) -> bytes: ...

    def purse_mac(self, session: bytes, message: bytes) -> bytes: ...

    def tac(self, key: bytes, message: bytes) -> bytes: ...


def padded(message: bytes, block: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2: 80, then 00 to the next whole block."""
    return message + b"\x80" + bytes((-len(message) - 1) % block)


def halves_xored(data: bytes) -> bytes:
    middle = len(data) // 2
    return bytes(left ^ right for left, right in zip(data[:middle], data[middle:], strict=True))


def inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


@lru_cache(512)
def _des3(key: bytes) -> "DES3.EcbMode":
    return DES3.new(key + key[:8], DES3.MODE_ECB)


class Tdes:
    """The DES family."""

    block = 8

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(_des3(key).encrypt(data))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(_des3(key).decrypt(data))

    def single(self, key: bytes, data: bytes) -> bytes:
        """DES under an 8-byte key."""
        return bytes(DES.new(key, DES.MODE_ECB).encrypt(data))

    def answer(self, key: bytes, seed: bytes, original: bytes) -> bytes:
        return self.single(self.encrypt(key, seed), original)

    def master_proof(self, key: bytes, challenge: bytes) -> bytes:
        return self.encrypt(key, challenge)

    def sm_mac(self, key: bytes, message: bytes, challenge: bytes) -> bytes:
        return self.retail(key, message, challenge.ljust(8, b"\0"))

    def retail(self, key: bytes, message: bytes, iv: bytes) -> bytes:
        """ISO/IEC 9797-1 algorithm 3."""
        chained = DES.new(key[:8], DES.MODE_CBC, iv).encrypt(padded(message, 8))[-8:]
        opened = DES.new(key[8:], DES.MODE_ECB).decrypt(chained)
        return bytes(DES.new(key[:8], DES.MODE_ECB).encrypt(opened)[:4])

    def purse_session(self, key: bytes, seed: bytes) -> bytes:
        return self.encrypt(key, seed)

    def purse_mac(self, session: bytes, message: bytes) -> bytes:
        return bytes(DES.new(session, DES.MODE_CBC, bytes(8)).encrypt(padded(message, 8))[-8:-4])

    def tac(self, key: bytes, message: bytes) -> bytes:
        return self.purse_mac(halves_xored(key), message)


class Sm4:
    """The declared SM4 family."""

    block = 16

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        cipher = SM4(key)
        return b"".join(cipher.encrypt(data[at : at + 16]) for at in range(0, len(data), 16))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        cipher = SM4(key)
        return b"".join(cipher.decrypt(data[at : at + 16]) for at in range(0, len(data), 16))

    def answer(self, key: bytes, seed: bytes, original: bytes) -> bytes:
        return self.master_proof(self.encrypt(key, seed + inverted(seed)), original)

    def master_proof(self, key: bytes, challenge: bytes) -> bytes:
        return halves_xored(self.encrypt(key, padded(challenge, 16)))

    def sm_mac(self, key: bytes, message: bytes, challenge: bytes) -> bytes:
        return self._chained(key, message, challenge.ljust(16, b"\0"))

    def _chained(self, key: bytes, message: bytes, state: bytes) -> bytes:
        cipher, whole = SM4(key), padded(message, 16)
        for at in range(0, len(whole), 16):
            state = cipher.encrypt(bytes(a ^ b for a, b in zip(state, whole[at : at + 16], strict=True)))
        return bytes(state[:4])

    def purse_session(self, key: bytes, seed: bytes) -> bytes:
        return self.encrypt(key, seed + inverted(seed))

    def purse_mac(self, session: bytes, message: bytes) -> bytes:
        return self._chained(session, message, bytes(16))

    def tac(self, key: bytes, message: bytes) -> bytes:
        return self._chained(key, message, bytes(16))


SUITES: dict[str, Suite] = {"3des": Tdes(), "sm4": Sm4()}
