"""Diversification: from a root to one card's key.

Two families (contract §5): social security keys go root -> city -> card; purse keys go issuer -> purse number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from keys.algorithms import sm4, tdes
from keys.algorithms.padding import pad80
from keys.errors import KeyLengthError

FACTOR_SIZE: Final = 8


def complement(factor: bytes) -> bytes:
    """Every bit of an 8-byte factor turned; KeyLengthError for another length."""
    if len(factor) != FACTOR_SIZE:
        raise KeyLengthError(f"diversification factor of {len(factor)} bytes")
    return bytes(byte ^ 0xFF for byte in factor)


def diversify_3des(key: bytes, factor: bytes) -> bytes:
    """PBOC: 3DES(K, f) || 3DES(K, NOT f), 16 bytes (keys-and-purse §2.2, A)."""
    if len(key) != 16:
        raise KeyLengthError(f"3DES master of {len(key)} bytes")
    return tdes.encrypt_ecb(key, factor + complement(factor))


def diversify_sm4(key: bytes, factor: bytes) -> bytes:
    """SM4(K, f || NOT f), 16 bytes (keys-and-purse §1.9, B)."""
    return sm4.encrypt_ecb(key, factor + complement(factor))


DIVERSIFY: Final[dict[str, Callable[[bytes, bytes], bytes]]] = {"3des": diversify_3des, "sm4": diversify_sm4}


def diversify(algorithm: str, key: bytes, factors: Sequence[bytes]) -> bytes:
    """One level for each factor, first factor nearest to the root."""
    step = DIVERSIFY.get(algorithm)
    if step is None:
        raise KeyLengthError(f"{algorithm} keys do not diversify")
    for factor in factors:
        key = step(key, factor)
    return key


def ssc_factors(f_city: bytes, f_card: bytes) -> tuple[bytes, bytes]:
    """Levels of a social security key: city, then card (card §3.2, A)."""
    return f_city, f_card


def purse_factors(issuer: bytes, asn: bytes) -> tuple[bytes, bytes]:
    """Levels of a purse key: issuer id, then purse number (keys-and-purse §1.7)."""
    return issuer, asn


def batch_factor(batch: bytes) -> bytes:
    """Factor of a delivery's transport key: batch 4 || 00000000 (declared by this project)."""
    if len(batch) != 4:
        raise KeyLengthError(f"batch number of {len(batch)} bytes")
    return batch + bytes(4)


def fold(block: bytes) -> bytes:
    """Left half XOR right half: how a 16-byte value becomes the 8 bytes a card command carries (card §3.3, C)."""
    half = len(block) // 2
    return bytes(a ^ b for a, b in zip(block[:half], block[half:], strict=True))


def session_key(algorithm: str, key: bytes, process: bytes) -> bytes:
    """Key of one authentication: 3DES(K, R), 8 bytes (card §2.2, A); SM4(K, R || NOT R), 16 bytes (card §3.3, C)."""
    if algorithm == "3des":
        return tdes.encrypt_ecb(key, process)
    if algorithm == "sm4":
        return sm4.encrypt_ecb(key, process + complement(process))
    raise KeyLengthError(f"no authentication session rule for {algorithm}")


def authentication_cryptogram(key: bytes, process: bytes, original: bytes, algorithm: str = "3des") -> bytes:
    """What INS 82 sends and INS 88 answers, 8 bytes; both inputs 8 bytes.

    DES family: DES(3DES(K, process), original) (card §2.2, A). SM4 family: SM4(S, original || 80 00..) folded, with
    S = SM4(K, process || NOT process) (card §3.3, declared).
    """
    if len(process) != FACTOR_SIZE or len(original) != FACTOR_SIZE:
        raise KeyLengthError("process factor and original data are 8 bytes each")
    session = session_key(algorithm, key, process)
    if algorithm == "3des":
        return tdes.encrypt_ecb(session, original)
    return fold(sm4.encrypt_ecb(session, pad80(original, sm4.BLOCK)))


def transport_cryptogram(key: bytes, challenge: bytes, algorithm: str = "3des") -> bytes:
    """Proof of a transport or master key without a session: 3DES(K, R) (card §2.2 no. 5), SM4(K, R || 80 00..) folded.

    `challenge` 8 bytes; the answer 8 bytes. The SM4 form is declared.
    """
    if len(challenge) != FACTOR_SIZE:
        raise KeyLengthError("a transport key answers 8 bytes")
    if algorithm == "3des":
        return tdes.encrypt_ecb(key, challenge)
    if algorithm == "sm4":
        return fold(sm4.encrypt_ecb(key, pad80(challenge, sm4.BLOCK)))
    raise KeyLengthError(f"no authentication rule for {algorithm}")
