"""Who computes what a card asks for: keys in hand and the key centre agree; a PSAM gives no line."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from card.apdu import CommandApdu
from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from card.pin import Pin
from card.secure_messaging import CardCrypto, line_rule, seal_encrypted
from keys.algorithms.sm2 import generate_sm2
from keys.card_crypto import (
    CentreCardCrypto,
    KeyedCardCrypto,
    PsamCardCrypto,
    admit,
    authorise_with,
    family,
)
from keys.centre import KeyCentre, LoadRequest
from keys.certificate import CardCertificate, CertificatePins, digest_of, verify
from keys.errors import (
    CardAlgorithmError,
    CertificateError,
    LoadMac1Error,
    SignatureError,
    TacError,
    UnknownKeyError,
    UnverifiedProfileError,
)
from keys.hsm_software import SoftwareHsm
from keys.tac import Moment, load_mac1_input, load_session_input, purse_mac, session_key, unload_mac3_input
from keys.unload import UnloadDesk

F_CITY = bytes.fromhex("3436303130307378")
F_CARD = bytes.fromhex("8697460100000001")
DES, SM4 = load_profile("ssc-2.00"), load_profile("ssc-3.00")
CHALLENGE = bytes.fromhex("1122334455667788")


@pytest.fixture(scope="module")
def centre() -> KeyCentre:
    sm4 = load_profile("tunion-sm4")
    return KeyCentre(SoftwareHsm.from_seed(b"card crypto test seed", "test"), also=(sm4,))


@pytest.mark.parametrize("profile", [DES, SM4], ids=["3des", "sm4"])
def test_the_centre_and_the_keys_in_hand_give_the_same(centre: KeyCentre, profile: object) -> None:
    profile = DES if profile is DES else SM4
    algorithm = profile.crypto.algorithm
    by_centre: CardCrypto = CentreCardCrypto(centre, profile.crypto, F_CITY, F_CARD)
    in_hand: CardCrypto = KeyedCardCrypto(centre.card_keys(F_CITY, F_CARD, algorithm), profile.crypto)
    master, update = profile.key("MK.SSSE"), profile.key("UK_SSSE")
    for crypto in (by_centre, in_hand):
        assert len(crypto.authenticate(update, CHALLENGE, bytes(8))) == 8
        assert len(crypto.master_proof(master, CHALLENGE)) == 8
    assert by_centre.authenticate(update, CHALLENGE, b"12345678") == in_hand.authenticate(
        update, CHALLENGE, b"12345678"
    )
    assert by_centre.master_proof(master, CHALLENGE) == in_hand.master_proof(master, CHALLENGE)
    command = CommandApdu(0x84, 0xD4, data=Pin("246813").bcd)
    rule = line_rule(profile.crypto)
    sealed = [seal_encrypted(command, c.line(master), CHALLENGE[:4], rule).to_bytes() for c in (by_centre, in_hand)]
    assert sealed[0] == sealed[1]
    assert len(sealed[0]) == (17 if algorithm == "3des" else 25)


def test_no_key_serves_two_algorithms(centre: KeyCentre) -> None:
    des, sm4 = centre.card_keys(F_CITY, F_CARD), centre.card_keys(F_CITY, F_CARD, "sm4")
    assert set(des) == set(sm4)
    assert not {key.reveal() for key in des.values()} & {key.reveal() for key in sm4.values()}


def test_a_proof_is_cryptogram_and_a_fresh_original(centre: KeyCentre) -> None:
    crypto = CentreCardCrypto(centre, SM4.crypto, F_CITY, F_CARD)
    authorise = authorise_with(crypto, SeededEntropy(5, "authorise"))
    key = SM4.key("RK_SSSE")
    first, second = authorise(key, CHALLENGE), authorise(key, CHALLENGE)
    assert first != second
    assert first[:8] == crypto.authenticate(key, CHALLENGE, first[8:])


def test_a_psam_protects_no_line_and_has_no_unknown_key() -> None:
    psam = PsamCardCrypto(None, F_CITY, F_CARD)  # type: ignore[arg-type]
    with pytest.raises(UnknownKeyError):
        psam.line(DES.key("MK.SSSE"))
    with pytest.raises(UnknownKeyError):
        psam.master_proof(DES.key("MK.SSSE"), CHALLENGE)
    with pytest.raises(UnknownKeyError, match="PSAM"):
        psam.authenticate(DES.key("MK.SSSE"), CHALLENGE, bytes(8))


def test_an_unverified_profile_is_loud_once_and_refused_in_production(capsys: pytest.CaptureFixture[str]) -> None:
    profile = dataclasses.replace(load_profile("tunion-sm4"), name="tunion-sm4-loud")
    admit(DES, "production")
    assert capsys.readouterr().err == ""
    admit(profile, "demo")
    said = capsys.readouterr().err
    assert "tunion-sm4-loud" in said and "未经验证" in said
    admit(profile, "demo")
    assert capsys.readouterr().err == ""
    with pytest.raises(UnverifiedProfileError):
        admit(profile, "production")
    store = SoftwareHsm.from_seed(b"card crypto test seed", "test")
    with pytest.raises(UnverifiedProfileError):
        KeyCentre(store, also=(profile,), deployment="production")


def test_an_algorithm_nobody_published_is_refused() -> None:
    with pytest.raises(CardAlgorithmError, match="ssf33"):
        family(dataclasses.replace(DES.crypto, algorithm="ssf33"))


@pytest.mark.parametrize(
    ("algorithm", "algorithm_id"), [("3des", 0), ("sm4", load_profile("tunion-sm4").crypto.algorithm_id)]
)
def test_unload_both_ways(centre: KeyCentre, algorithm: str, algorithm_id: int) -> None:
    issuer, asn, terminal = (
        bytes.fromhex("01011000FFFFFFFF"),
        bytes.fromhex("5170010000000001"),
        bytes.fromhex("460100000001"),
    )
    key = centre.purse_keys(issuer, asn, algorithm)["DULK"].reveal()
    random, sequence, moment = bytes.fromhex("A1B2C3D4"), 7, Moment.from_digits("20260115", "083000")
    session = session_key(key, load_session_input(random, sequence), algorithm)
    mac1 = purse_mac(session, load_mac1_input(5000, 1200, 3, terminal), algorithm=algorithm)
    unload = LoadRequest(issuer, asn, random, sequence, 5000, 1200, terminal, mac1, algorithm=algorithm_id)
    desk = UnloadDesk(centre)
    desk.check_mac1(unload)
    assert len(desk.make_mac2(unload, moment)) == 4
    mac3 = purse_mac(session, unload_mac3_input(3800, sequence, 1200, 3, terminal, moment), algorithm=algorithm)
    desk.check_mac3(unload, moment, mac3)
    with pytest.raises(LoadMac1Error):
        desk.check_mac1(dataclasses.replace(unload, balance=5001))
    with pytest.raises(TacError):
        desk.check_mac3(dataclasses.replace(unload, amount=1201), moment, mac3)


def test_a_certificate_pin_is_never_what_goes_out() -> None:
    cipher = CertificatePins()
    assert Pin("123456").bcd not in cipher.proof(Pin("123456"), bytes(16))
    assert cipher.proof(Pin("123456"), bytes(16)) != cipher.proof(Pin("123457"), bytes(16))
    assert cipher.line(Pin("123456")).encrypt(bytes(16)) == cipher.proof(Pin("123456"), bytes(16))


CASES = json.loads((Path(__file__).parents[1] / "vectors" / "card_family.json").read_text("utf-8"))["cases"]
DER = bytes.fromhex(next(case["input"]["der"] for case in CASES if case["op"] == "sm2_certificate"))
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_certificate_is_of_the_chips_key_in_time_and_its_issuers() -> None:
    found = CardCertificate.parse(DER)
    assert (found.parts.subject, found.parts.issuer) == ("O=Test CA,C=CN", "O=Test CA,C=CN")
    found.check(found.public, found.public, NOW)
    with pytest.raises(CertificateError, match="another key"):
        found.check(found.public, bytes(64), NOW)
    with pytest.raises(CertificateError, match="validity"):
        found.check(found.public, found.public, datetime(2020, 1, 1, tzinfo=UTC))
    other = generate_sm2().public.raw()
    with pytest.raises(SignatureError):
        found.check(other, found.public, NOW)


@pytest.mark.parametrize("at", range(0, len(DER), 9))
def test_a_bent_certificate_is_refused_or_no_longer_verifies(at: int) -> None:
    bent = DER[:at] + bytes([DER[at] ^ 0x04]) + DER[at + 1 :]
    good = CardCertificate.parse(DER)
    with pytest.raises((CertificateError, SignatureError)):
        CardCertificate.parse(bent).check(good.public, good.public, NOW)


@pytest.mark.parametrize("raw", [b"", b"0", DER[:-1], DER[:40], bytes(64), DER + b"\x00"])
def test_what_is_no_certificate_is_said_so(raw: bytes) -> None:
    with pytest.raises(CertificateError):
        CardCertificate.parse(raw)


def test_what_a_chip_signs_is_the_digest_a_library_signs() -> None:
    key = generate_sm2()
    public = key.public.raw()
    verify(b"a message", key.sign_digest(digest_of(b"a message", public)), public)
    with pytest.raises(SignatureError):
        verify(b"another", key.sign_digest(digest_of(b"a message", public)), public)
