"""Message authentication codes of the cards: DES CBC-MAC, retail MAC, and CMAC."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.cmac import CMAC

from keys.algorithms import sm4, tdes
from keys.algorithms.padding import pad80
from keys.errors import KeyLengthError


def des_cbc_mac(key: bytes, data: bytes, iv: bytes = bytes(8), *, always_pad: bool = True) -> bytes:
    """Single-DES CBC-MAC, 8 bytes (ISO/IEC 9797-1 algorithm 1). `key` is 8 bytes; users keep the leftmost 4."""
    if len(key) != 8:
        raise KeyLengthError(f"single DES key of {len(key)} bytes")
    return tdes.encrypt_cbc(key, pad80(data, always=always_pad), iv)[-8:]


def retail_mac(key: bytes, data: bytes, iv: bytes = bytes(8), *, always_pad: bool = True) -> bytes:
    """ISO/IEC 9797-1 algorithm 3, 8 bytes: DES CBC under the left half, last block 3DES. `key` is 16 bytes."""
    if len(key) != 16:
        raise KeyLengthError(f"retail MAC key of {len(key)} bytes")
    padded = pad80(data, always=always_pad)
    chained = tdes.encrypt_cbc(key[:8], padded[:-8], iv)[-8:] if len(padded) > 8 else iv
    last = bytes(a ^ b for a, b in zip(chained, padded[-8:], strict=True))
    return tdes.encrypt_ecb(key, last)


def sm4_cbc_mac(key: bytes, data: bytes, iv: bytes = bytes(16)) -> bytes:
    """SM4 CBC-MAC over `80 00..` padded data, 16 bytes. The purse's SM4 profile is declared, not published."""
    return sm4.encrypt_cbc(key, pad80(data, sm4.BLOCK), iv)[-16:]


def cmac_sm4(key: bytes, data: bytes) -> bytes:
    """SM4-CMAC, 16 bytes."""
    mac = CMAC(SM4(key))
    mac.update(data)
    return mac.finalize()


def cmac_aes(key: bytes, data: bytes) -> bytes:
    """AES-CMAC (NIST SP 800-38B), 16 bytes."""
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()
