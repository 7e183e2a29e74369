"""A digital envelope to the holder of a certificate: SM2 hides a fresh SM4 key, the key hides the data.

The form is EnvelopedData of GM/T 0010 (RFC 5652 with the GM algorithm names); that the terminal standard's envelope is
this one is declared by this project (C).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from card.domain.entropy import Entropy
from card.errors import TlvError
from card.tlv import parse_ber
from keys.algorithms import sm4
from keys.algorithms.sm2 import Sm2PublicKey
from keys.algorithms.sm2_cipher import der_from_cipher, raw_from_cipher, whole
from keys.algorithms.sm2_cipher import item as _der
from keys.certificate import CardCertificate
from keys.errors import CertificateError, EnvelopeError, PublicKeyError

ENVELOPED: Final = "1.2.156.10197.6.1.4.2.3"
DATA: Final = "1.2.156.10197.6.1.4.2.1"
SM2_ENCRYPTION: Final = "1.2.156.10197.1.301.3"
SM4_CBC: Final = "1.2.156.10197.1.104.2"
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE, _SET, _EXPLICIT, _CONTENT = 0x02, 0x04, 0x05, 0x06, 0x30, 0x31, 0xA0, 0x80


def seal(certificate: bytes, plain: bytes, entropy: Entropy) -> bytes:
    """DER of the envelope. `certificate` is DER too; CertificateError when it is none of an SM2 key."""
    public = Sm2PublicKey.from_bytes(CardCertificate.parse(certificate).public)
    key, initial = entropy.token(sm4.KEY_SIZE), entropy.token(sm4.BLOCK)
    filler = sm4.BLOCK - len(plain) % sm4.BLOCK  # PKCS#7, as CMS wants it
    hidden = sm4.encrypt_cbc(key, plain + bytes([filler]) * filler, initial)
    return Sealed(_issuer_and_serial(certificate), public.encrypt(key), initial, hidden).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope with one recipient, taken apart. `recipient` is issuer and serial number in DER, `cipher` the session
    key as C1 || C3 || C2 (112 bytes), `initial` the first block of CBC, `hidden` the data.
    """

    recipient: bytes
    cipher: bytes
    initial: bytes
    hidden: bytes = field(repr=False)

    @classmethod
    def parse(cls, der: bytes) -> Sealed:
        """EnvelopeError for anything but the one form that `seal` writes."""
        try:
            _, explicit = parse_ber(der, max_depth=12)[0].children
            _, recipients, content = explicit.children[0].children
            _, recipient, _, key = recipients.children[0].children
            _, method, hidden = content.children
            _, initial = method.children
            sealed = cls(recipient.to_bytes(), raw_from_cipher(key.value), initial.value, hidden.value)
        except (TlvError, PublicKeyError, ValueError, IndexError) as bad:
            raise EnvelopeError("not an envelope to one recipient") from bad
        if sealed.encode() != der or len(sealed.initial) != sm4.BLOCK:
            raise EnvelopeError("an envelope of another form")
        return sealed

    def encode(self) -> bytes:
        """The one DER form of it."""
        recipient = _der(
            _SEQUENCE,
            _whole(1) + self.recipient + _named(SM2_ENCRYPTION, _der(_NULL, b"")),
            _der(_OCTETS, der_from_cipher(self.cipher)),
        )
        method = _named(SM4_CBC, _der(_OCTETS, self.initial))
        content = _der(_SEQUENCE, _oid(DATA) + method, _der(_CONTENT, self.hidden))
        enveloped = _der(_SEQUENCE, _whole(1), _der(_SET, recipient), content)
        return _der(_SEQUENCE, _oid(ENVELOPED), _der(_EXPLICIT, enveloped))

    def is_for(self, certificate: bytes) -> bool:
        """The holder of this certificate is the recipient named; CertificateError when it is none."""
        return self.recipient == _issuer_and_serial(certificate)

    def open(self, key: bytes) -> bytes:
        """The data under the session key, 16 bytes. The form has no check of the data itself: only a padding that is
        wrong shows, as EnvelopeError.
        """
        if len(key) != sm4.KEY_SIZE:
            raise EnvelopeError("a session key has 16 bytes")
        if not self.hidden or len(self.hidden) % sm4.BLOCK:
            raise EnvelopeError("the data is not in whole blocks")
        plain = sm4.decrypt_cbc(key, self.hidden, self.initial)
        filler = plain[-1]
        if not 0 < filler <= sm4.BLOCK or plain[-filler:] != bytes([filler]) * filler:
            raise EnvelopeError("the data does not end as it must")
        return plain[:-filler]


def _issuer_and_serial(certificate: bytes) -> bytes:
    """The two fields of the certificate by which a recipient finds its key."""
    try:
        body = parse_ber(certificate, max_depth=12)[0].children[0].children
        first = 1 if body[0].tag == _EXPLICIT else 0
        return _der(_SEQUENCE, body[first + 2].to_bytes(), body[first].to_bytes())
    except (TlvError, IndexError) as bad:
        raise CertificateError("not a certificate") from bad


def _whole(number: int) -> bytes:
    return _der(_INTEGER, whole(number))


def _named(name: str, parameters: bytes) -> bytes:
    return _der(_SEQUENCE, _oid(name), parameters)


def _oid(name: str) -> bytes:
    first, second, *rest = map(int, name.split("."))
    body = bytes([40 * first + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, number & 0x7F | 0x80)
        body += bytes(digits)
    return _der(_OID, body)
