"""SM2 signatures (GB/T 32918.2) with SM3: our one boundary, raw r || s of 64 bytes.

The library is chosen at first use, not at import: the system's OpenSSL, else gmalglib. Whichever it is, it must first
answer the standard's example; one that answers wrongly is refused outright (Sm2SelfTestError), never replaced silently.
The pure-Python `gmssl` is forbidden: its nonce is predictable and it accepts trailing bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from keys.algorithms.sm2_backend import DEFAULT_ID, HALF, ORDER, SIGNATURE_SIZE, Sm2Backend, Sm2Handle, self_test
from keys.algorithms.sm2_cipher import OVERHEAD
from keys.algorithms.sm2_gmalglib import GmalglibSm2
from keys.algorithms.sm2_openssl import OpenSslSm2
from keys.errors import (
    EnvelopeError,
    KeysError,
    PublicKeyError,
    SignatureError,
    Sm2MissingError,
    Sm2SelfTestError,
)

Opener = Callable[[], Sm2Backend]
_OPENERS: Final[tuple[Opener, ...]] = (OpenSslSm2.open, GmalglibSm2)
_UNCOMPRESSED: Final = 0x04
_COMPRESSED: Final = (0x02, 0x03)


def choose_backend(openers: Sequence[Opener]) -> Sm2Backend:
    """The first library of `openers` that is there, after its self-test.

    Raises Sm2MissingError when none is there and Sm2SelfTestError when the one found computes wrongly.
    """
    missing: list[str] = []
    for opener in openers:
        try:
            backend = opener()
            wrong = self_test(backend)
        except (Sm2MissingError, PublicKeyError, EnvelopeError) as error:
            missing.append(str(error))
            continue
        if wrong:
            raise Sm2SelfTestError(f"{backend.name}: {wrong}")
        if missing:
            sys.stderr.write(f"onecard: SM2 falls back to {backend.name} ({'; '.join(missing)})\n")
        return backend
    raise Sm2MissingError("; ".join(missing))


@lru_cache(maxsize=1)
def default_backend() -> Sm2Backend:
    """The library of this process; opened and tested on the first call."""
    return choose_backend(_OPENERS)


class Sm2PublicKey:
    """A public key, loaded once and used many times; safe to share between threads."""

    __slots__ = ("_backend", "_handle")

    def __init__(self, handle: Sm2Handle, backend: Sm2Backend) -> None:
        self._handle = handle
        self._backend = backend

    @classmethod
    def from_bytes(cls, encoded: bytes, backend: Sm2Backend | None = None) -> Sm2PublicKey:
        """33 bytes (02/03 X), 64 (X Y) or 65 (04 X Y). PublicKeyError for any other form or a point off the curve."""
        if len(encoded) == SIGNATURE_SIZE:
            encoded = bytes([_UNCOMPRESSED]) + encoded
        prefixed = (len(encoded) == 65 and encoded[0] == _UNCOMPRESSED) or (
            len(encoded) == 33 and encoded[0] in _COMPRESSED
        )
        if not prefixed:
            raise PublicKeyError(f"public key of {len(encoded)} bytes in an unknown form")
        backend = backend or default_backend()
        return cls(backend.load_public(encoded), backend)

    def verify(self, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID) -> None:
        """Raise SignatureError unless `signature` (exactly 64 bytes, 1 <= r, s < n) is this key's over `message`."""
        if not self.accepts(message, signature, user_id):
            raise SignatureError("the signature does not verify")

    def accepts(self, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID) -> bool:
        """`verify` as a question."""
        if len(signature) != SIGNATURE_SIZE:
            return False
        r, s = int.from_bytes(signature[:HALF]), int.from_bytes(signature[HALF:])
        if not (0 < r < ORDER and 0 < s < ORDER) or (r + s) % ORDER == 0:
            return False
        return self._backend.verify(self._handle, message, signature, user_id)

    def encrypt(self, plain: bytes) -> bytes:
        """C1 || C3 || C2 that only the private half opens (GB/T 32918.4); `plain` is not empty."""
        if not plain:
            raise PublicKeyError("nothing to encrypt")
        return self._backend.encrypt(self._handle, plain)

    def raw(self) -> bytes:
        """X || Y, 64 bytes."""
        return self._handle.raw

    def compressed(self) -> bytes:
        """02 or 03, then X: 33 bytes."""
        return bytes([_COMPRESSED[self.raw()[-1] & 1]]) + self.raw()[:HALF]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sm2PublicKey) and self.raw() == other.raw()

    def __hash__(self) -> int:
        return hash(self.raw())

    def __repr__(self) -> str:
        return f"Sm2PublicKey({self.compressed().hex()})"


class Sm2PrivateKey:
    """A private key that signs and opens. It never prints, pickles or compares its scalar."""

    __slots__ = ("_backend", "_handle", "public")

    def __init__(self, handle: Sm2Handle, backend: Sm2Backend) -> None:
        self._handle = handle
        self._backend = backend
        self.public = Sm2PublicKey.from_bytes(handle.raw, backend)

    @classmethod
    def from_scalar(cls, scalar: bytes, backend: Sm2Backend | None = None) -> Sm2PrivateKey:
        """32 bytes big-endian in 1 .. n-2 (GB/T 32918.1 clause 6.1); PublicKeyError otherwise."""
        if len(scalar) != HALF or not 0 < int.from_bytes(scalar) < ORDER - 1:
            raise PublicKeyError("private scalar out of range")
        backend = backend or default_backend()
        return cls(backend.load_private(scalar), backend)

    def sign(self, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """r || s, 64 bytes; the nonce is the library's, so two signatures of one message differ."""
        return self._backend.sign(self._handle, message, user_id)

    def sign_digest(self, digest: bytes) -> bytes:
        """r || s over 32 bytes SM3(ZA || message), for a chip, which never sees the message. ValueError else."""
        if len(digest) != HALF:
            raise ValueError("an SM3 digest has 32 bytes")
        return self._backend.sign_digest(self._handle, digest)

    def decrypt(self, cipher: bytes) -> bytes:
        """The plain bytes of C1 || C3 || C2 (GB/T 32918.4 clause 7); EnvelopeError unless it was made for this key."""
        if len(cipher) <= OVERHEAD:
            raise EnvelopeError("not an SM2 cipher")
        return self._backend.decrypt(self._handle, cipher)

    def __repr__(self) -> str:
        return f"Sm2PrivateKey(public={self.public.compressed().hex()})"

    def __reduce__(self) -> str:
        raise KeysError("a private key does not leave its process by pickling")


def generate_sm2(backend: Sm2Backend | None = None) -> Sm2PrivateKey:
    """A fresh key pair from the library's own generator."""
    backend = backend or default_backend()
    return Sm2PrivateKey.from_scalar(backend.new_scalar(), backend)
