"""The chip's own arithmetic: DES diversification, session keys, MACs; blocks of SM4, digests of SM3.

Written apart from `keys.algorithms` on purpose: the chip and the host must agree because both are right, not because
they share a line. Formulas: card §2.2, §2.3, §3.2 and keys-and-purse §1.4.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.hashes import SM3, Hash

from firmware_sim.card.timing import tally

BLOCK = 8
SM4_BLOCK, SM3_BLOCK = 16, 64
# Session keys are new in every transaction; long-lived keys must not be pushed out by them.
CACHED_KEYS = 4096


class _Context(Protocol):
    def update(self, data: bytes) -> bytes: ...


def _whole(key: bytes) -> bytes:
    """K1K2 -> K1K2K1, and a single DES key K -> KKK, which is DES."""
    if len(key) == 16:
        return key + key[:8]
    if len(key) == 8:
        return key * 3
    raise ValueError("a DES key has 8 or 16 bytes")


# An ECB context keeps nothing from block to block, so one per key serves for ever.
@lru_cache(maxsize=CACHED_KEYS)
def _encryptor(key: bytes) -> _Context:
    return Cipher(TripleDES(_whole(key)), modes.ECB()).encryptor()


@lru_cache(maxsize=CACHED_KEYS)
def _decryptor(key: bytes) -> _Context:
    return Cipher(TripleDES(_whole(key)), modes.ECB()).decryptor()


def encrypt(key: bytes, data: bytes) -> bytes:
    """ECB over whole blocks: 3DES (K1K2K1) for a 16-byte key, DES for an 8-byte key."""
    if len(data) % BLOCK:
        raise ValueError("data is not whole blocks")
    tally("3des" if len(key) == 16 else "des", len(data) // BLOCK)
    return _encryptor(key).update(data)


def decrypt(key: bytes, data: bytes) -> bytes:
    """The inverse of `encrypt`."""
    if len(data) % BLOCK:
        raise ValueError("data is not whole blocks")
    tally("3des" if len(key) == 16 else "des", len(data) // BLOCK)
    return _decryptor(key).update(data)


def diversify(key: bytes, factor: bytes) -> bytes:
    """3DES_K(f) || 3DES_K(NOT f), 16 bytes (card §3.2). `factor` is 8 bytes."""
    return encrypt(key, factor + bytes(byte ^ 0xFF for byte in factor))


def session(key: bytes, diversifier: bytes) -> bytes:
    """An 8-byte session key, used as single DES: 3DES_K(8 bytes) (card §2.2 no. 1; keys-and-purse §1.4)."""
    return encrypt(key, diversifier)


def pad(data: bytes) -> bytes:
    """80 00.. always, a whole block more when `data` is aligned (keys-and-purse §1.4)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def _blocks(data: bytes) -> Iterator[int]:
    for start in range(0, len(data), BLOCK):
        yield int.from_bytes(data[start : start + BLOCK], "big")


def _chain(key: bytes, data: bytes, iv: bytes) -> bytes:
    """The last CBC block of `data` (whole blocks) under single DES."""
    context = _encryptor(key)
    tally("des", len(data) // BLOCK)
    state = iv
    for block in _blocks(data):
        state = context.update((int.from_bytes(state, "big") ^ block).to_bytes(BLOCK, "big"))
    return state


def des_mac(key: bytes, data: bytes) -> bytes:
    """CBC-MAC under an 8-byte key, IV 0, leftmost 4 bytes: MAC1, MAC2, TAC (keys-and-purse §1.4)."""
    return _chain(key, pad(data), bytes(BLOCK))[:4]


def retail_mac(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """DES CBC under the left half, last block 3DES, leftmost 4 bytes (card §2.3). `key` is 16 bytes."""
    padded = pad(data)
    state = _chain(key[:BLOCK], padded[:-BLOCK], iv)
    last = int.from_bytes(state, "big") ^ int.from_bytes(padded[-BLOCK:], "big")
    return encrypt(key, last.to_bytes(BLOCK, "big"))[:4]


def mac_blocks(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """The whole last block, 8 bytes, over whole blocks: CBC-MAC under 8-byte keys, the last one 3DES under 16-byte."""
    state = _chain(key[:BLOCK], blocks[:-BLOCK], iv)
    last = int.from_bytes(state, "big") ^ int.from_bytes(blocks[-BLOCK:], "big")
    return encrypt(key, last.to_bytes(BLOCK, "big"))


def fold(key: bytes) -> bytes:
    """The TAC key: left half XOR right half of the 16-byte DTK (keys-and-purse §1.4)."""
    return bytes(a ^ b for a, b in zip(key[:BLOCK], key[BLOCK:], strict=True))


def sm4_encrypt(key: bytes, data: bytes) -> bytes:
    """SM4 ECB over whole blocks of 16 bytes."""
    tally("sm4", len(data) // SM4_BLOCK)
    return Cipher(SM4(key), modes.ECB()).encryptor().update(data)


def sm4_decrypt(key: bytes, data: bytes) -> bytes:
    """The inverse of `sm4_encrypt`."""
    tally("sm4", len(data) // SM4_BLOCK)
    return Cipher(SM4(key), modes.ECB()).decryptor().update(data)


def sm4_last_block(key: bytes, blocks: bytes, iv: bytes) -> bytes:
    """The last block of SM4 CBC over whole blocks."""
    tally("sm4", len(blocks) // SM4_BLOCK)
    return Cipher(SM4(key), modes.CBC(iv)).encryptor().update(blocks)[-SM4_BLOCK:]


def sm3(data: bytes) -> bytes:
    """32 bytes."""
    tally("sm3", len(data) // SM3_BLOCK + 1)
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()
