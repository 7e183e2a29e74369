"""The envelope is opened here by another SM2 library (gmalg) and its structure read by another DER reader (OpenSSL)."""

import subprocess

import gmalg
import pytest

from card.domain.entropy import SeededEntropy
from card.tlv import Tlv, parse_ber
from keys.algorithms import sm4
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from keys.algorithms.sm2_backend import EXAMPLE_SCALAR, Sm2Backend
from keys.algorithms.sm2_gmalglib import GmalglibSm2, available
from keys.algorithms.sm2_openssl import OpenSslSm2
from keys.certificate import CardCertificate
from keys.envelope import Sealed, seal
from keys.errors import CertificateError, EnvelopeError, PublicKeyError
from tests.keys.sm2_certificates import certificate
from tests.required import missing

PLAIN = "海口市 一卡通".encode("gb18030")


@pytest.fixture
def recipient() -> Sm2PrivateKey:
    return Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR)


def backends() -> list[Sm2Backend]:
    return [OpenSslSm2.open(), *([GmalglibSm2()] if available() else [])]


@pytest.mark.parametrize("length", [1, 16, 40])
def test_another_library_decrypts_what_each_of_ours_encrypts(length: int) -> None:
    plain = bytes(range(length))
    for backend in backends():
        public = Sm2PublicKey.from_bytes(Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR).public.raw(), backend)
        cipher = public.encrypt(plain)
        assert len(cipher) == 96 + length
        assert gmalg.SM2(EXAMPLE_SCALAR).decrypt(b"\x04" + cipher) == plain, backend.name


@pytest.mark.parametrize("length", [1, 16, 40])
def test_each_of_ours_decrypts_what_another_library_encrypts(length: int) -> None:
    plain = bytes(range(length))
    public = b"\x04" + Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR).public.raw()
    cipher = bytes(gmalg.SM2(pk=public).encrypt(plain))[1:]
    for backend in backends():
        key = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR, backend)
        assert key.decrypt(cipher) == plain, backend.name
        for at in (0, 63, 64, 95, 96):
            with pytest.raises(EnvelopeError):
                key.decrypt(cipher[:at] + bytes([cipher[at] ^ 1]) + cipher[at + 1 :])
        with pytest.raises(EnvelopeError):
            key.decrypt(cipher[:96])


def test_nothing_is_not_encrypted(recipient: Sm2PrivateKey) -> None:
    with pytest.raises(PublicKeyError):
        recipient.public.encrypt(b"")


def test_the_recipient_opens_the_envelope(recipient: Sm2PrivateKey) -> None:
    own = certificate("card", recipient.public.raw(), recipient)
    assert CardCertificate.parse(own).public == recipient.public.raw()
    body = parse_ber(seal(own, PLAIN, SeededEntropy(1)), max_depth=12)[0]
    enveloped = body.children[1].children[0]
    info = enveloped.children[1].children[0]
    key = gmalg.SM2(EXAMPLE_SCALAR).decrypt(b"\x04" + _raw(info.children[3].value))
    content = enveloped.children[2]
    initial = content.children[1].children[1].value
    plain = sm4.decrypt_cbc(key, content.children[2].value, initial)
    assert plain[: -plain[-1]] == PLAIN
    assert info.children[1].children[1].value == b"\x4d", "the serial number of the certificate"


def _raw(der: bytes) -> bytes:
    x, y, digest, cipher = parse_ber(der)[0].children
    return _half(x) + _half(y) + digest.value + cipher.value


def _half(number: Tlv) -> bytes:
    return int.from_bytes(number.value).to_bytes(32)


def test_every_envelope_is_another_and_nothing_of_the_data_shows(recipient: Sm2PrivateKey) -> None:
    own = certificate("card", recipient.public.raw(), recipient)
    chance = SeededEntropy(2)
    first, second = seal(own, PLAIN, chance), seal(own, PLAIN, chance)
    assert first != second and PLAIN not in first


def test_openssl_reads_its_structure(recipient: Sm2PrivateKey) -> None:
    own = certificate("card", recipient.public.raw(), recipient)
    try:
        done = subprocess.run(
            ["openssl", "asn1parse", "-inform", "DER"],
            input=seal(own, PLAIN, SeededEntropy(3)),
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        missing("tools", "openssl is not installed")
    assert b"1.2.156.10197.6.1.4.2.3" in done.stdout and b"sm4-cbc" in done.stdout


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"garbage", b"\x30\x82\xff\xff"])
def test_what_is_no_certificate_gets_no_envelope(der: bytes) -> None:
    with pytest.raises(CertificateError):
        seal(der, PLAIN, SeededEntropy(1))


def test_an_envelope_is_taken_apart_again(recipient: Sm2PrivateKey) -> None:
    own = certificate("card", recipient.public.raw(), recipient)
    sealed = Sealed.parse(seal(own, PLAIN, SeededEntropy(4)))
    assert sealed.is_for(own) and not sealed.is_for(certificate("card", recipient.public.raw(), recipient, serial=78))
    key = recipient.decrypt(sealed.cipher)
    assert sealed.open(key) == PLAIN and PLAIN.hex() not in repr(sealed)
    with pytest.raises(EnvelopeError):
        sealed.open(key[::-1])
    with pytest.raises(EnvelopeError):
        sealed.open(key[1:])


def test_no_change_of_an_envelopes_frame_is_taken_for_one(recipient: Sm2PrivateKey) -> None:
    """Every byte turned: refused, or one of the four parts that are data differs."""
    der = seal(certificate("card", recipient.public.raw(), recipient), PLAIN, SeededEntropy(5))
    whole, refused = Sealed.parse(der), 0
    for at in range(len(der)):
        try:
            changed = Sealed.parse(der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :])
        except EnvelopeError:
            refused += 1
            continue
        assert changed != whole, at
    assert refused > 80


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"garbage", b"\x30\x82\xff\xff", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_envelope_is_not_opened(der: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Sealed.parse(der)
