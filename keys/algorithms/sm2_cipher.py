"""The two forms of an SM2 cipher: C1 || C3 || C2, and the DER of GM/T 0009 clause 7.2 (envelopes, libcrypto)."""

from __future__ import annotations

from typing import Final

from card.errors import TlvError
from card.tlv import parse_ber
from keys.algorithms.sm2_backend import HALF
from keys.errors import PublicKeyError

OVERHEAD: Final = 3 * HALF  # C1 64 and C3 32
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def der_from_cipher(raw: bytes) -> bytes:
    """SM2Cipher SEQUENCE{x, y, digest, cipher} from C1 || C3 || C2."""
    x, y, digest, cipher = raw[:HALF], raw[HALF : 2 * HALF], raw[2 * HALF : OVERHEAD], raw[OVERHEAD:]
    numbers = b"".join(item(_INTEGER, whole(int.from_bytes(number))) for number in (x, y))
    return item(_SEQUENCE, numbers, item(_OCTETS, digest), item(_OCTETS, cipher))


def raw_from_cipher(der: bytes) -> bytes:
    """C1 || C3 || C2 of the DER form. PublicKeyError when it is none."""
    try:
        (sequence,) = parse_ber(der)
        x, y, digest, cipher = sequence.children
        point = b"".join(int.from_bytes(part.value).to_bytes(HALF) for part in (x, y))
    except (TlvError, ValueError, OverflowError) as bad:
        raise PublicKeyError("not an SM2 cipher") from bad
    if len(digest.value) != HALF:
        raise PublicKeyError("not an SM2 cipher")
    return point + digest.value + cipher.value


def item(tag: int, *parts: bytes) -> bytes:
    """One DER item."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def whole(number: int) -> bytes:
    """The content of a DER INTEGER that is not negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)
