"""Builders against printed examples, line protection against an independent computation, the PIN that never prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3

from card import commands
from card.apdu import CommandApdu
from card.domain.money import Fen
from card.errors import FieldError, PinFormatError
from card.files.profile import CosSpec, load_profile
from card.pin import Pin
from card.secure_messaging import initial_value, seal, seal_encrypted

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/card_commands.json").read_text("utf-8"))["cases"]
KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
CHALLENGE = bytes.fromhex("A1B2C3D4")
BYTES = {
    "aid",
    "fid",
    "record",
    "cryptogram",
    "original",
    "factor",
    "terminal",
    "date",
    "time",
    "mac1",
    "mac2",
    "random",
}


def argument(name: str, value: Any) -> Any:
    if name in ("pin", "old", "new"):
        return Pin(value)
    if name == "psam":
        return load_profile(value).psam
    if name == "factors":
        return tuple(bytes.fromhex(item) for item in value)
    if name == "amount":
        return Fen(value)
    return bytes.fromhex(value) if name in BYTES else value


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_a_builder_makes_the_printed_command(case: dict[str, Any]) -> None:
    arguments = {name: argument(name, value) for name, value in case["args"].items()}
    assert getattr(commands, case["builder"])(**arguments).to_bytes().hex().upper() == case["expect"]


class ForeignLineKey:
    """A line key on another library than the project's: ISO 9797-1 algorithm 3 and ECB."""

    def mac(self, initial: bytes, message: bytes) -> bytes:
        padded = message + b"\x80" + bytes(-(len(message) + 1) % 8)
        chained = initial
        for at in range(0, len(padded) - 8, 8):
            block = bytes(a ^ b for a, b in zip(chained, padded[at : at + 8], strict=True))
            chained = DES.new(KEY[:8], DES.MODE_ECB).encrypt(block)
        last = bytes(a ^ b for a, b in zip(chained, padded[-8:], strict=True))
        return DES3.new(KEY, DES3.MODE_ECB).encrypt(last)

    def encrypt(self, blocks: bytes) -> bytes:
        return DES3.new(KEY, DES3.MODE_ECB).encrypt(blocks)


def cos() -> CosSpec:
    spec = load_profile("ssc-2.00").cos
    assert spec is not None
    return spec


def test_the_published_secure_messaging_vector() -> None:
    """keys-and-purse §1.5: 04D6950008 11223344 under IV A1B2C3D400000000 -> AF84B35C."""
    sealed = seal(commands.update_binary(0x15, 0, bytes.fromhex("11223344")), ForeignLineKey(), CHALLENGE)
    assert sealed.to_bytes().hex().upper() == "04D695000811223344AF84B35C"


def test_a_key_leaves_encrypted_and_with_a_mac() -> None:
    header = commands.KeyHeader(type=0x0E, id=0, version=1)
    command = commands.write_key(cos(), header, b"K" * 16, ForeignLineKey(), CHALLENGE)
    assert command.head.hex() == "84d40000"
    assert len(command.data) == 0x24
    plain = DES3.new(KEY, DES3.MODE_ECB).decrypt(command.data[:32])
    assert plain == bytes([24]) + bytes.fromhex("0E00010003000010") + b"K" * 16 + b"\x80" + bytes(6)
    expected = ForeignLineKey().mac(CHALLENGE + bytes(4), bytes.fromhex("84D4000024") + command.data[:32])[:4]
    assert command.data[32:] == expected
    assert commands.write_key(cos(), commands.KeyHeader(0, 0, 1), b"K" * 16, ForeignLineKey(), CHALLENGE).p1 == 1


def test_aligned_data_are_not_padded_before_encryption() -> None:
    sealed = seal_encrypted(CommandApdu(0x84, 0xD4, data=bytes(7)), ForeignLineKey(), CHALLENGE)
    assert len(sealed.data) == 8 + 4


def test_initial_value_of_both_challenge_lengths() -> None:
    assert initial_value(CHALLENGE).hex() == "a1b2c3d400000000"
    assert initial_value(bytes(8)) == bytes(8)
    with pytest.raises(ValueError, match="longer"):
        initial_value(bytes(9))
    with pytest.raises(ValueError, match="short APDU"):
        seal(CommandApdu(0, 0xD6, data=bytes(252)), ForeignLineKey(), CHALLENGE)


@pytest.mark.parametrize(
    ("command", "head", "size"),
    [
        (commands.initialise_card(cos(), b"\x46\x01\x00", b"\x00\x00\x01"), "80f00000", 6),
        (commands.end_personalisation(cos(), ForeignLineKey(), CHALLENGE), "84f20000", 4),
        (commands.prove_key_version(cos(), bytes(8)), "80f40000", 8),
        (commands.pin_unblock(ForeignLineKey(), CHALLENGE), "84240000", 4),
        (commands.reload_pin(cos(), Pin("123456"), ForeignLineKey(), CHALLENGE), "84d40000", 12),
        (commands.application_block(ForeignLineKey(), CHALLENGE, permanent=True), "841e0001", 4),
        (commands.application_unblock(ForeignLineKey(), CHALLENGE), "84180000", 4),
        (commands.card_block(ForeignLineKey(), CHALLENGE), "84160000", 4),
        (commands.append_record(8, b"\x01\x00"), "00e20040", 2),
        (commands.external_authenticate_short(0, bytes(8)), "00820000", 8),
        (commands.verify_status(), "00200000", 0),
        (commands.read_binary_current(0x1234, 16), "00b01234", 0),
        (commands.update_binary_current(0x70, b"x"), "00d60070", 1),
        (commands.get_response(8), "00c00000", 0),
        (commands.update_record(1, 6, b"\x08\x00"), "00dc0134", 2),
    ],
)
def test_heads_of_the_other_commands(command: CommandApdu, head: str, size: int) -> None:
    assert command.head.hex() == head
    assert len(command.data) == size


def test_sam_purchase_has_the_length_of_its_levels() -> None:
    purchase = commands.SamPurchase(
        random=bytes.fromhex("A1B2C3D4"),
        offline_seq=5,
        amount=Fen(200),
        kind=9,
        date=bytes.fromhex("20260115"),
        time=bytes.fromhex("083000"),
        key_version=1,
        algorithm=0,
        factors=(bytes.fromhex("2016122100001003"), bytes.fromhex("01011000FFFFFFFF")),
    )
    psam = load_profile("psam-transit").psam
    assert psam is not None
    raw = commands.init_sam_for_purchase(psam, purchase).to_bytes().hex().upper()
    assert raw == "8070000024A1B2C3D40005000000C80920260115083000010020161221000010030101" + "1000FFFFFFFF08"
    assert commands.credit_sam_for_purchase(psam, bytes(4)).to_bytes().hex() == "807200000400000000"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: commands.select_fid(b"\x3f"),
        lambda: commands.select_aid(b"\x01" * 17),
        lambda: commands.read_record(1, 31),
        lambda: commands.read_binary_current(0x8000),
        lambda: commands.internal_authenticate(0, bytes(7), bytes(8)),
        lambda: commands.initialize_for_load(1, Fen(1), bytes(5)),
    ],
)
def test_wrong_lengths_are_refused_before_anything_is_sent(wrong: Any) -> None:
    with pytest.raises(FieldError):
        wrong()


def test_an_amount_beyond_the_purse_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        commands.initialize_for_load(1, Fen(1 << 31), bytes(6))


def test_a_pin_never_prints() -> None:
    pin = Pin("123456")
    assert "123" not in f"{pin!r} {pin} {commands.verify(pin)!r}"
    assert pin.bcd == b"\x12\x34\x56"
    assert Pin("12345").bcd == b"\x12\x34\x5f"
    assert pin.block() == b"\x12\x34\x56" + b"\xff" * 13


@pytest.mark.parametrize("digits", ["123", "1234567890123", "12a456", "", "１２３４５６"])
def test_a_pin_is_four_to_twelve_digits(digits: str) -> None:
    with pytest.raises(PinFormatError) as refused:
        Pin(digits)
    assert not digits or digits not in str(refused.value)
