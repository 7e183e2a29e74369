"""Key check values: public, at most three bytes (keys-and-purse §2.3)."""

from __future__ import annotations

from typing import Final

from keys.algorithms import sm4, tdes
from keys.algorithms.mac import cmac_aes
from keys.algorithms.sm3 import sm3
from keys.errors import KeyLengthError

KCV_SIZE: Final = 3


def kcv_3des(key: bytes) -> bytes:
    """First three bytes of 3DES-ECB over eight zero bytes (A)."""
    return tdes.encrypt_ecb(key, bytes(8))[:KCV_SIZE]


def kcv_sm4(key: bytes) -> bytes:
    """First three bytes of SM4-ECB over a zero block: no public rule exists, this one is declared (C)."""
    return sm4.encrypt_ecb(key, bytes(16))[:KCV_SIZE]


def kcv_aes_cmac(key: bytes) -> bytes:
    """First three bytes of AES-CMAC over a zero block, as X9.143 has it (B)."""
    return cmac_aes(key, bytes(16))[:KCV_SIZE]


def kcv_public(raw_point: bytes) -> bytes:
    """First three bytes of SM3 over X || Y: a check value for the public half of an SM2 key (declared)."""
    return sm3(raw_point)[:KCV_SIZE]


def kcv(algorithm: str, key: bytes) -> bytes:
    """The check value of `key` under the rule of `algorithm`: "3des", "sm4", "aes" or "hmac-sm3"."""
    if algorithm == "3des":
        return kcv_3des(key)
    if algorithm == "sm4":
        return kcv_sm4(key)
    if algorithm == "aes":
        return kcv_aes_cmac(key)
    if algorithm == "hmac-sm3":
        return sm3(b"onecard kcv" + key)[:KCV_SIZE]
    raise KeyLengthError(f"no check value rule for {algorithm}")
