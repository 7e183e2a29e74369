"""What an SM2 library must offer here, and the standard's example as its self-test."""

from __future__ import annotations

from typing import Final, Protocol

DEFAULT_ID: Final = b"1234567812345678"  # GM/T 0009: the 16-byte ASCII string
ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123  # n, GB/T 32918.5
HALF: Final = 32
SIGNATURE_SIZE: Final = 64

# GB/T 32918.5 annex A, signature example: d, P, M, r || s under the default id.
EXAMPLE_SCALAR: Final = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
EXAMPLE_POINT: Final = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
EXAMPLE_MESSAGE: Final = b"message digest"
EXAMPLE_SIGNATURE: Final = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
# The encryption example of the same annex and key: "encryption standard" as C1 || C3 || C2.
EXAMPLE_PLAIN: Final = b"encryption standard"
EXAMPLE_CIPHER: Final = bytes.fromhex(
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


class Sm2Handle(Protocol):
    """A loaded key inside a back-end. It hides itself: its repr never shows the key."""

    @property
    def raw(self) -> bytes:
        """The public point X || Y, 64 bytes."""


class Sm2Backend(Protocol):
    """Bytes in, bytes out. Signatures are raw r || s. Loading raises PublicKeyError on bad points and scalars."""

    name: str

    def load_public(self, encoded: bytes) -> Sm2Handle:
        """`encoded` is 33 (02/03 X) or 65 (04 X Y) bytes."""

    def load_private(self, scalar: bytes) -> Sm2Handle:
        """`scalar` is 32 bytes, already known to be in 1 .. n-2."""

    def sign(self, handle: Sm2Handle, message: bytes, user_id: bytes) -> bytes:
        """64 bytes r || s over SM3(ZA || message)."""

    def sign_digest(self, handle: Sm2Handle, digest: bytes) -> bytes:
        """64 bytes r || s over `digest`, 32 bytes: SM3(ZA || message) made elsewhere."""

    def verify(self, handle: Sm2Handle, message: bytes, signature: bytes, user_id: bytes) -> bool:
        """`signature` has 64 bytes with 1 <= r, s < n."""

    def encrypt(self, handle: Sm2Handle, plain: bytes) -> bytes:
        """C1 || C3 || C2 (GB/T 32918.4): point X || Y 64, digest 32, as many bytes as `plain`, which is not empty."""

    def decrypt(self, handle: Sm2Handle, cipher: bytes) -> bytes:
        """The plain bytes of C1 || C3 || C2, which is longer than 96 bytes; EnvelopeError when it does not open."""

    def new_scalar(self) -> bytes:
        """A fresh private scalar from the library's own generator."""


def self_test(backend: Sm2Backend) -> str:
    """Run the standard's example and its negatives; '' when all is well, else what went wrong."""
    public = backend.load_public(b"\x04" + EXAMPLE_POINT)
    private = backend.load_private(EXAMPLE_SCALAR)
    signed = backend.sign(private, EXAMPLE_MESSAGE, DEFAULT_ID)
    swapped = EXAMPLE_SIGNATURE[:HALF] + (ORDER - int.from_bytes(EXAMPLE_SIGNATURE[HALF:])).to_bytes(HALF)
    checks = {
        "public point of the example scalar": private.raw == EXAMPLE_POINT,
        "example signature": backend.verify(public, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE, DEFAULT_ID),
        "own signature": backend.verify(public, EXAMPLE_MESSAGE, signed, DEFAULT_ID),
        "other message refused": not backend.verify(public, EXAMPLE_MESSAGE + b".", EXAMPLE_SIGNATURE, DEFAULT_ID),
        "other id refused": not backend.verify(public, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE, b"8765432187654321"),
        "example cipher": backend.decrypt(private, EXAMPLE_CIPHER) == EXAMPLE_PLAIN,
        "n-s refused": not backend.verify(public, EXAMPLE_MESSAGE, swapped, DEFAULT_ID),
    }
    return ", ".join(name for name, passed in checks.items() if not passed)
