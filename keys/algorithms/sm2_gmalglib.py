"""SM2 through gmalglib: the fallback where the system's OpenSSL has no SM2.

gmalglib is installed only where a compiler or a wheel is at hand; without it `GmalglibSm2()` raises Sm2MissingError.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from keys.algorithms.sm2_backend import DEFAULT_ID, Sm2Handle
from keys.errors import EnvelopeError, PublicKeyError, Sm2MissingError

try:
    from gmalglib.sm2 import SM2, SM2_PCMODE_RAW
except ImportError:
    SM2 = None


def available() -> bool:
    """Whether gmalglib is installed here."""
    return SM2 is not None


@dataclass(frozen=True, slots=True)
class _Key:
    raw: bytes
    scalar: bytes | None = field(default=None, repr=False)


class GmalglibSm2:
    """Back-end on gmalglib; see `Sm2Backend`. It makes no constant-time claim (issuers' keys belong elsewhere)."""

    name = "gmalglib"

    def __init__(self) -> None:
        if not available():
            raise Sm2MissingError("gmalglib is not installed")

    def load_public(self, encoded: bytes) -> Sm2Handle:
        try:
            if not SM2.is_pk_valid(encoded):
                raise PublicKeyError("not an SM2 key")
            full = SM2.convert_pk(encoded, SM2_PCMODE_RAW)
        except ValueError as error:
            raise PublicKeyError("not an SM2 key") from error
        return _Key(raw=full[-64:])

    def load_private(self, scalar: bytes) -> Sm2Handle:
        if not SM2.is_sk_valid(scalar):
            raise PublicKeyError("not an SM2 key")
        return _Key(raw=SM2.get_pk(scalar, SM2_PCMODE_RAW)[-64:], scalar=scalar)

    def sign(self, handle: Sm2Handle, message: bytes, user_id: bytes) -> bytes:
        assert isinstance(handle, _Key)
        signature: bytes = SM2(sk=handle.scalar, uid=user_id).sign(message)
        return signature

    def sign_digest(self, handle: Sm2Handle, digest: bytes) -> bytes:
        assert isinstance(handle, _Key)
        signature: bytes = SM2(sk=handle.scalar).sign_digest(digest)
        return signature

    def verify(self, handle: Sm2Handle, message: bytes, signature: bytes, user_id: bytes) -> bool:
        return bool(SM2(pk=b"\x04" + handle.raw, uid=user_id).verify(message, signature))

    def encrypt(self, handle: Sm2Handle, plain: bytes) -> bytes:
        assert isinstance(handle, _Key)
        cipher: bytes = SM2(pk=b"\x04" + handle.raw).encrypt(plain)
        return cipher[1:]  # without the 04 of the point

    def decrypt(self, handle: Sm2Handle, cipher: bytes) -> bytes:
        assert isinstance(handle, _Key)
        try:
            plain: bytes = SM2(sk=handle.scalar).decrypt(b"\x04" + cipher)
        except (ValueError, RuntimeError) as error:
            raise EnvelopeError("not encrypted for this key") from error
        return plain

    def new_scalar(self) -> bytes:
        scalar: bytes
        scalar, _public = SM2(uid=DEFAULT_ID).generate_keypair()
        return scalar
