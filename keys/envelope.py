"""A digital envelope to the holder of a certificate: SM2 hides a fresh SM4 key, the key hides the data.

The form is EnvelopedData of GM/T 0010 (RFC 5652 with the GM algorithm names); that the terminal standard's envelope is
this one is declared by this project (C).
"""

from __future__ import annotations

from typing import Final

from card.domain.entropy import Entropy
from card.errors import TlvError
from card.tlv import parse_ber
from keys.algorithms import sm4
from keys.algorithms.sm2 import Sm2PublicKey
from keys.algorithms.sm2_backend import HALF
from keys.certificate import CardCertificate
from keys.errors import CertificateError

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
    recipient = _der(
        _SEQUENCE,
        _whole(1) + _issuer_and_serial(certificate) + _named(SM2_ENCRYPTION, _der(_NULL, b"")),
        _der(_OCTETS, cipher_der(public.encrypt(key))),
    )
    content = _der(_SEQUENCE, _oid(DATA) + _named(SM4_CBC, _der(_OCTETS, initial)), _der(_CONTENT, hidden))
    enveloped = _der(_SEQUENCE, _whole(1), _der(_SET, recipient), content)
    return _der(_SEQUENCE, _oid(ENVELOPED), _der(_EXPLICIT, enveloped))


def cipher_der(raw: bytes) -> bytes:
    """SM2Cipher of GM/T 0009 clause 7.2 from C1 || C3 || C2."""
    x, y, digest, cipher = raw[:HALF], raw[HALF : 2 * HALF], raw[2 * HALF : 3 * HALF], raw[3 * HALF :]
    numbers = _whole(int.from_bytes(x)) + _whole(int.from_bytes(y))
    return _der(_SEQUENCE, numbers, _der(_OCTETS, digest), _der(_OCTETS, cipher))


def _issuer_and_serial(certificate: bytes) -> bytes:
    """The two fields of the certificate by which a recipient finds its key."""
    try:
        body = parse_ber(certificate, max_depth=12)[0].children[0].children
        first = 1 if body[0].tag == _EXPLICIT else 0
        return _der(_SEQUENCE, body[first + 2].to_bytes(), body[first].to_bytes())
    except (TlvError, IndexError) as bad:
        raise CertificateError("not a certificate") from bad


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def _whole(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


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
