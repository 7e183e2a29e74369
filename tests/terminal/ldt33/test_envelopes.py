"""PKI_DecryptEnvelope: the card's encryption key opens what was sealed to the certificate in EF0019, no more."""

from dataclasses import replace

import pytest

from card.certificate import CertificateSession
from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from card.pin import Pin
from firmware_sim.card.factory import Order, Twin
from keys import envelope
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm2_backend import EXAMPLE_SCALAR
from keys.card_crypto import CentreCardCrypto
from keys.certificate import CardCertificate, CertificatePins
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import Confirmed
from terminal.ldt33.library import Answer, Ldt33Library
from tests.keys.sm2_certificates import certificate
from tests.terminal.ldt33.bench import Bench

PIN, DATA = "123456", "海口市 一卡通"
AUTHORITY = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR)
STYLES = ("library", "status-word")


def issued(bench: Bench, twin: Twin, serial: int = 21, *, other_key: bool = False) -> bytes:
    """An encryption key born in the chip and a certificate of it in EF0019, as an issuer would order both."""
    channel, profile = standard(bench.rack.reader("card").connect()), load_profile("ssc-3.00")
    session = CertificateSession(channel, profile)
    session.select()
    session.verify_pin(Pin(PIN), CertificatePins())
    point = AUTHORITY.public.raw() if other_key else session.generate_encryption_key()
    if other_key:
        session.generate_encryption_key()
    der = certificate("holder", point, AUTHORITY, serial)
    crypto = CentreCardCrypto(bench.centre, profile.crypto, twin.f_city, twin.f_card)
    session.write_certificate("encryption", der, crypto)
    assert session.certificate("encryption") == der and CardCertificate.parse(der).public == point
    channel.close()
    return der


@pytest.fixture
def own(bench: Bench) -> bytes:
    return issued(bench, bench.insert(Order(5, profiles=("ssc-3.00",))))


def sealed(bench: Bench, cert: str = "") -> str:
    answer = bench.call("PKI_EncryptEnvelope", "", cert, DATA, 1)
    assert answer.code == Code.OK
    return answer.text


def opened(library: Ldt33Library, text: str, pin: str = PIN, kind: int = 1) -> Answer:
    return library.call("PKI_DecryptEnvelope", (pin, text, kind))


def styled(bench: Bench, style: str) -> Ldt33Library:
    return bench.other(config=Ldt33Config(errors=style))


def test_the_card_opens_what_was_sealed_to_its_own_certificate(bench: Bench, own: bytes) -> None:
    for cert in ("", own.hex()):
        answer = opened(bench.library, sealed(bench, cert))
        assert (answer.code, answer.text) == (Code.OK, f"{DATA}|"), answer.detail


def test_an_envelope_made_elsewhere_opens_too(bench: Bench, own: bytes) -> None:
    long = DATA * 40
    der = envelope.seal(own, long.encode("gb18030"), SeededEntropy(3))
    assert opened(bench.library, der.hex()).text == f"{long}|"


@pytest.mark.parametrize(("style", "wrong", "blocked"), [("library", -51, -52), ("status-word", -0x63C5, -0x6983)])
def test_the_pin(bench: Bench, own: bytes, style: str, wrong: int, blocked: int) -> None:
    library, text = styled(bench, style), sealed(bench)
    assert opened(library, text, "1").code == Code.PIN_LENGTH
    assert opened(library, text, "111111").code == wrong
    assert opened(library, text).code == Code.OK, "and the tries are full again"
    for _ in range(6):
        opened(library, text, "111111")
    assert opened(library, text).code == blocked


@pytest.mark.parametrize("style", STYLES)
def test_a_changed_envelope(bench: Bench, own: bytes, style: str) -> None:
    library, raw = styled(bench, style), bytes.fromhex(sealed(bench).rstrip("|"))
    hidden = envelope.Sealed.parse(raw).cipher[64:96]  # C3
    at = raw.index(hidden)
    changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
    assert opened(library, changed.hex()).code == -0x6A80
    assert opened(library, (raw[:-1] + bytes([raw[-1] ^ 1])).hex()).code == Code.BAD_INFORMATION
    assert opened(library, raw[:-1].hex()).code == Code.BAD_INFORMATION
    assert opened(library, "3000").code == Code.BAD_INFORMATION
    assert opened(library, "zz").code == Code.BAD_CHARACTER
    assert opened(library, raw.hex()).code == Code.OK


@pytest.mark.parametrize("style", STYLES)
def test_an_envelope_to_another_card_is_refused_before_the_pin_is_tried(bench: Bench, own: bytes, style: str) -> None:
    library, text = styled(bench, style), sealed(bench)
    twin = bench.insert(Order(6, profiles=("ssc-3.00",)))
    assert opened(library, text, "111111").code == Code.OTHER_CARD, "no certificate on the card"
    issued(bench, twin, serial=22)
    assert opened(library, text, "111111").code == Code.OTHER_CARD
    assert opened(library, sealed(bench), "111111").code == (-51 if style == "library" else -0x63C5), "the first try"


@pytest.mark.parametrize("style", STYLES)
def test_a_certificate_that_is_not_of_the_chips_key(bench: Bench, style: str) -> None:
    issued(bench, bench.insert(Order(5, profiles=("ssc-3.00",))), other_key=True)
    assert opened(styled(bench, style), sealed(bench)).code == -0x6A80


def test_over_the_air_nothing_is_opened(bench: Bench, own: bytes) -> None:
    text = sealed(bench)
    bench.rack.use_line("card", "contactless")
    bench.slots.contactless = bench.rack.reader("card")
    refused = opened(bench.library, text, kind=2)
    assert refused.code == Code.NOT_SUPPORTED and "verify" in refused.detail


def test_production_wants_the_function_confirmed(bench: Bench, own: bytes) -> None:
    text, production = sealed(bench), Ldt33Config(profile="production")
    refused = opened(bench.other(config=production), text)
    assert refused.code == Code.NOT_SUPPORTED and "declared only" in refused.detail
    dialect = replace(bench.desk.dialect, confirmed=Confirmed(("PKI_DecryptEnvelope",)))
    confirmed = opened(bench.other(config=production, dialect=dialect), text)
    assert confirmed.code == Code.NOT_SUPPORTED and "declared only" not in confirmed.detail, "3.00 is unverified itself"
