"""What the certificate application's users compute: digests to be signed, the PIN's cipher, signatures, certificates.

SM2 by the library of `keys.algorithms.sm2`; certificates are taken apart by `cryptography`, which refuses the curve, so
the public key and the issuer's signature are checked here (GM/T 0015: SM2 with SM3, default signer id).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from card.errors import TlvError
from card.pin import Pin
from card.secure_messaging import LineKey
from card.tlv import Tlv, parse_ber
from keys.algorithms import sm4
from keys.algorithms.sm2 import Sm2PublicKey
from keys.algorithms.sm2_backend import DEFAULT_ID
from keys.algorithms.sm3 import sm3
from keys.algorithms.x509 import CertificateParts, take_apart
from keys.errors import CertificateError, PublicKeyError
from keys.families import FAMILIES, FamilyLine

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
# a, b and the base point of the recommended curve (GB/T 32918.5), as ZA hashes them.
_CURVE: Final = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_SPKI_PLACE: Final = 6  # in the to-be-signed sequence, the version counted
_BIT_STRING: Final = 0x03


def digest_of(message: bytes, public_raw: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """e = SM3(ZA || M), 32 bytes (GB/T 32918.2 clauses 5.5 and 6.1): what SIGN is given. `public_raw` is X || Y."""
    head = (8 * len(user_id)).to_bytes(2) + user_id
    return sm3(sm3(head + _CURVE + public_raw) + message)


def verify(message: bytes, signature: bytes, public_raw: bytes, user_id: bytes = DEFAULT_ID) -> None:
    """SignatureError unless r || s is the card's over `message`; PublicKeyError for a point off the curve."""
    Sm2PublicKey.from_bytes(public_raw).verify(message, signature, user_id)


class CertificatePins:
    """The PIN of the certificate application: left half of SM3 over its ASCII digits, as an SM4 key (card §6.1)."""

    def proof(self, pin: Pin, challenge: bytes) -> bytes:
        """16 bytes."""
        return sm4.encrypt_ecb(self.value(pin), challenge)

    def value(self, pin: Pin) -> bytes:
        """16 bytes; what the chip keeps."""
        return sm3(pin.digits.encode("ascii"))[: sm4.KEY_SIZE]

    def line(self, pin: Pin) -> LineKey:
        """For changing the PIN under the old one."""
        return FamilyLine(FAMILIES["sm4"], self.value(pin))


@dataclass(frozen=True, slots=True)
class CardCertificate:
    """A certificate and the SM2 key it is about, X || Y."""

    parts: CertificateParts
    public: bytes

    @classmethod
    def parse(cls, der: bytes) -> CardCertificate:
        """CertificateError when it is no SM2 certificate."""
        parts = take_apart(der)
        if parts.algorithm != SM2_WITH_SM3:
            raise CertificateError(f"signed with {parts.algorithm}, not SM2 with SM3")
        return cls(parts, _public(parts.tbs))

    def check(self, issuer_raw: bytes, public_raw: bytes, at: datetime) -> None:
        """CertificateError unless it is of the card's key and valid at `at`; SignatureError unless its issuer's."""
        if self.public != public_raw:
            raise CertificateError("the certificate is of another key than the chip holds")
        if not self.parts.not_before <= at <= self.parts.not_after:
            raise CertificateError("outside its validity")
        verify(self.parts.tbs, self.parts.signature, issuer_raw)


def _public(tbs: bytes) -> bytes:
    try:
        body = parse_ber(tbs, max_depth=12)[0].children
        versioned = body[0].tag == 0xA0
        key = body[_SPKI_PLACE if versioned else _SPKI_PLACE - 1].children[1]
        raw = _bits(key)
        return Sm2PublicKey.from_bytes(raw).raw()
    except (TlvError, IndexError, PublicKeyError) as bad:
        raise CertificateError("holds no SM2 public key") from bad


def _bits(item: Tlv) -> bytes:
    if item.tag != _BIT_STRING or item.value[:1] != b"\x00":
        raise CertificateError("holds no SM2 public key")
    return item.value[1:]
