"""Triple DES with two keys (EDE, K1 K2 K1) and single DES, ECB and CBC on whole blocks, through `cryptography`.

`cryptography` offers no single DES; EDE with three equal keys is single DES, so an 8-byte key K is passed as K K K.
The cipher objects of recently used keys are held: personalisation and TAC checks use the same few keys again and again.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from keys.errors import KeyLengthError

BLOCK = 8
_HELD_CIPHERS = 256


@lru_cache(maxsize=_HELD_CIPHERS)
def _ecb(key: bytes) -> Cipher[ECB]:
    return Cipher(TripleDES(_expand(key)), ECB())


def _expand(key: bytes) -> bytes:
    if len(key) == 16:
        return key + key[:8]
    if len(key) == 8:
        return key * 3
    if len(key) == 24:
        return key
    raise KeyLengthError(f"DES key of {len(key)} bytes")


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    """DES (8-byte key) or 3DES (16- or 24-byte key) ECB of whole blocks; KeyLengthError otherwise."""
    _check(data)
    context = _ecb(key).encryptor()
    return context.update(data) + context.finalize()


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Inverse of `encrypt_ecb`."""
    _check(data)
    context = _ecb(key).decryptor()
    return context.update(data) + context.finalize()


def encrypt_cbc(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """CBC of whole blocks from `iv`, without padding."""
    _check(data)
    if len(iv) != BLOCK:
        raise KeyLengthError(f"initial value of {len(iv)} bytes")
    context = Cipher(TripleDES(_expand(key)), CBC(iv)).encryptor()
    return context.update(data) + context.finalize()


def _check(data: bytes) -> None:
    if len(data) % BLOCK:
        raise KeyLengthError(f"DES data of {len(data)} bytes is not whole blocks")
