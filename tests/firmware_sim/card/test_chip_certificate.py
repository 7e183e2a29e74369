"""The certificate application of 3.00: PINs under SM4, a key that never leaves, signatures others verify."""

import gmalg
import pytest

from firmware_sim.card import certificate, memory
from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import SSSE, Scripted, challenge, powered, say, select, whole_values
from tests.keys.oracle import gmalg_verifies

DDF, ADF = "504B492EC9E7BBE1B1A3D5CF", "53532E434552542E41444631"
DIGEST = bytes(range(32))
# a, b, G of the recommended curve (GB/T 32918.5)
CURVE = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)


def hashed(pin: str) -> bytes:
    digest = gmalg.SM3()
    digest.update(pin.encode())
    return bytes(digest.value()[:16])


def digest_of(public: bytes, message: bytes) -> bytes:
    """SM3(ZA || message), ZA of the default id (GB/T 32918.2 clause 5.5), on another library."""
    whole = gmalg.SM3()
    identity = gmalg.SM3()
    identity.update(b"\x00\x80" + b"1234567812345678" + CURVE + public)
    whole.update(identity.value() + message)
    return bytes(whole.value())


def at_adf(values: dict[str, bytes]) -> Card:
    card = powered(values, Scripted(bytes(range(1, 33))))
    assert select(card, DDF).endswith("9000")
    assert select(card, ADF).endswith("9000")
    return card


@pytest.fixture
def card() -> Card:
    return at_adf(whole_values("ssc-3.00"))


def verify(card: Card, pin: str, p1p2: str = "0181") -> str:
    return say(card, f"0020{p1p2}10{oracle.sm4(hashed(pin), challenge(card, 16)).hex()}")


def change(card: Card, p1p2: str, key: str, new: str) -> str:
    raw = bytes.fromhex(f"845E{p1p2}14") + oracle.sm4(hashed(key), hashed(new))
    return say(card, (raw + oracle.sm4_mac(hashed(key), raw, challenge(card))).hex())


def test_pin_counts_and_shows_what_is_left(card: Card) -> None:
    assert say(card, "00200181") == "63C6"
    assert verify(card, "000000") == "63C5"
    assert say(card, "0020018110" + "00" * 16) == "6984"
    assert say(card, "00200181") == "63C5"
    assert verify(card, "123456") == "9000"
    assert say(card, "00200181") == "63C6"
    for left in "543210":
        assert verify(card, "000000") == f"63C{left}"
    assert verify(card, "123456") == say(card, "00200181") == "6983"


def test_the_pin_belongs_to_this_application(card: Card) -> None:
    assert say(card, "0020000003123456") == "6A88"
    select(card, SSSE)
    assert say(card, "00200181") == "6A88"
    assert say(card, "80CA000020" + DIGEST.hex()) == "6985"
    assert say(card, "804E000040") == "6985"


def test_changing_the_pin(card: Card) -> None:
    assert change(card, "0100", "000000", "246810") == "63C5"
    assert change(card, "0100", "123456", "246810") == "9000"
    assert verify(card, "123456") == "63C5"
    assert verify(card, "246810") == "9000"


def test_an_administrator_opens_a_blocked_pin() -> None:
    values = whole_values("ssc-3.00")
    values[certificate.pin_name(certificate.ADMINISTRATOR)] = hashed("87654321")
    card = at_adf(values)
    for _ in range(7):
        verify(card, "000000")
    assert verify(card, "123456") == "6983"
    assert verify(card, "87654321", "0100") == "9000"
    assert change(card, "0000", "87654321", "135790") == "9000"
    assert verify(card, "135790") == "9000"


def test_without_an_administrator_there_is_no_such_pin() -> None:
    values = whole_values("ssc-3.00")
    values.pop(certificate.pin_name(certificate.ADMINISTRATOR), None)
    card = at_adf(values)
    assert say(card, "00200100") == "6A88"
    assert say(card, "845E000014" + "00" * 20) == "6A88"


def test_signature_is_of_the_key_that_the_chip_made(card: Card) -> None:
    assert say(card, "80CA000020" + DIGEST.hex()) == "6A88"
    assert say(card, "804E000040") == "6982"
    verify(card, "123456")
    assert say(card, "804E000020") == "6C40"
    public = bytes.fromhex(say(card, "804E000040")[:-4])
    assert say(card, "00B0920042") == "0100" + public.hex().upper() + "9000"
    signature = bytes.fromhex(say(card, "80CA000020" + digest_of(public, b"contract").hex())[:-4])
    assert gmalg_verifies(public, b"contract", signature)
    assert not gmalg_verifies(public, b"contracT", signature)
    select(card, ADF)
    assert say(card, "80CA000020" + DIGEST.hex()) == "6982"


def test_the_private_key_is_in_no_answer(card: Card) -> None:
    verify(card, "123456")
    say(card, "804E000040")
    say(card, "804E000140")
    for name in (certificate.PRIVATE, certificate.ENCRYPTION):
        private = card.nv.need(name)
        for sfi in range(1, 31):
            assert private.hex().upper() not in say(card, f"00B0{0x80 | sfi:02X}0042")
        assert private.hex() not in repr(card.session)
    assert say(card, "00D6920004AABBCCDD") == "6982"


def hidden(public: bytes, key: bytes) -> str:
    """C1 || C3 || C2, made by another library than the chip's."""
    return bytes(gmalg.SM2(pk=b"\x04" + public).encrypt(key))[1:].hex()


def test_the_encryption_key_opens_what_another_library_hid(card: Card) -> None:
    key = bytes(range(0x40, 0x50))
    assert say(card, "80CC000070" + "00" * 112) == "6A88"
    assert say(card, "804E000140") == "6982"
    verify(card, "123456")
    assert say(card, "804E000120") == "6C40"
    assert say(card, "804E000240") == "6A86"
    public = bytes.fromhex(say(card, "804E000140")[:-4])
    assert say(card, "80CC000070" + hidden(public, key)) == key.hex().upper() + "9000"
    assert say(card, "80CA000020" + DIGEST.hex()) == "6A88", "the signing key is another, and not there yet"
    assert say(card, "00B0920042")[4:-4] != public.hex().upper()
    select(card, ADF)
    assert say(card, "80CC000070" + hidden(public, key)) == "6982"


def test_a_cipher_for_another_key_or_turned_in_one_bit_is_not_opened(card: Card) -> None:
    verify(card, "123456")
    first = bytes.fromhex(say(card, "804E000140")[:-4])
    cipher = bytearray.fromhex(hidden(first, bytes(16)))
    for at in (0, 40, 64, 95, 96, 111):
        cipher[at] ^= 1
        assert say(card, "80CC000070" + cipher.hex()) == "6A80"
        cipher[at] ^= 1
    assert say(card, "80CC000070" + cipher.hex()) == "00" * 16 + "9000"
    assert say(card, "80CC00006F" + cipher[:-1].hex()) == "6700"
    assert say(card, "80CC000170" + cipher.hex()) == "6A86"
    card.entropy = Scripted(bytes(range(101, 133)))
    assert bytes.fromhex(say(card, "804E000140")[:-4]) != first
    assert say(card, "80CC000070" + cipher.hex()) == "6A80"
    select(card, SSSE)
    assert say(card, "80CC000070" + cipher.hex()) == "6985"


def test_certificates_are_written_in_pieces_under_the_master_key(card: Card) -> None:
    assert say(card, "00D6980004AABBCCDD") == "6982"
    master = whole_values("ssc-3.00")[memory.key_name("CERT", 0, 0, 1)][8:]
    raw = bytes.fromhex("04D6980074") + bytes(0x70)
    assert say(card, (raw + oracle.sm4_mac(master, raw, challenge(card))).hex()) == "9000"
    raw = bytes.fromhex("04D6987008AABBCCDD")
    assert say(card, (raw + oracle.sm4_mac(master, raw, challenge(card))).hex()) == "9000"
    assert say(card, "00B0986E06") == "0000AABBCCDD9000"
