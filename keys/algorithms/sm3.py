"""SM3 (GB/T 32905) and HMAC-SM3, through `cryptography`."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, hmac

_SM3 = hashes.SM3()
DIGEST_SIZE = 32


def sm3(data: bytes) -> bytes:
    """The 32-byte SM3 digest of `data`."""
    digest = hashes.Hash(_SM3)
    digest.update(data)
    return digest.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte HMAC-SM3 of `data` under `key` (any length)."""
    mac = hmac.HMAC(key, _SM3)
    mac.update(data)
    return mac.finalize()
