"""SM4 (GB/T 32907) ECB and CBC on whole blocks, through `cryptography`."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from keys.errors import KeyLengthError

BLOCK = 16
KEY_SIZE = 16
_HELD_CIPHERS = 256


@lru_cache(maxsize=_HELD_CIPHERS)
def _ecb(key: bytes) -> Cipher[ECB]:
    return Cipher(SM4(key), ECB())


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    """SM4-ECB of `data`; both lengths are checked (KeyLengthError)."""
    _check(key, data)
    context = _ecb(key).encryptor()
    return context.update(data) + context.finalize()


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Inverse of `encrypt_ecb`."""
    _check(key, data)
    context = _ecb(key).decryptor()
    return context.update(data) + context.finalize()


def encrypt_cbc(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """SM4-CBC of `data` from `iv`, without padding."""
    _check(key, data)
    context = Cipher(SM4(key), CBC(iv)).encryptor()
    return context.update(data) + context.finalize()


def decrypt_cbc(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """Inverse of `encrypt_cbc`."""
    _check(key, data)
    context = Cipher(SM4(key), CBC(iv)).decryptor()
    return context.update(data) + context.finalize()


def _check(key: bytes, data: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise KeyLengthError(f"SM4 key of {len(key)} bytes")
    if len(data) % BLOCK:
        raise KeyLengthError(f"SM4 data of {len(data)} bytes is not whole blocks")
