"""X.509 certificates taken apart through `cryptography`, which reads the envelope and refuses SM2 keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keys.errors import CertificateError

HALF = 32


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """`tbs` is what was signed, `signature` r || s of 64 bytes, `algorithm` its object identifier."""

    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    algorithm: str
    tbs: bytes
    signature: bytes


def take_apart(der: bytes) -> CertificateParts:
    """CertificateError when it is no certificate, or its signature is no pair of 32-byte numbers."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        r, s = decode_dss_signature(parsed.signature)
        return CertificateParts(
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            serial=parsed.serial_number,
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            algorithm=parsed.signature_algorithm_oid.dotted_string,
            tbs=parsed.tbs_certificate_bytes,
            signature=r.to_bytes(HALF) + s.to_bytes(HALF),
        )
    except (ValueError, OverflowError) as bad:
        raise CertificateError("not a certificate") from bad
