"""AES key wrap (RFC 3394), through `cryptography`: one key under another, with an integrity check of its own."""

from __future__ import annotations

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from keys.errors import KeyLengthError, SignatureError


def wrap(kek: bytes, key: bytes) -> bytes:
    """`key` of 16, 24 or 32 bytes under `kek`; 8 bytes longer. KeyLengthError."""
    try:
        return aes_key_wrap(kek, key)
    except ValueError as bad:
        raise KeyLengthError("AES key wrap") from bad


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """Back; SignatureError when it was changed or wrapped under another key, KeyLengthError."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap as bad:
        raise SignatureError("AES key wrap") from bad
    except ValueError as bad:
        raise KeyLengthError("AES key wrap") from bad
