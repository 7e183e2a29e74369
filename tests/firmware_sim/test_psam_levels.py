"""PSAM keys by number of levels and by type: what may encipher, what may sign, and for how long."""

import pytest

from firmware_sim.card.store import MemoryStorage
from firmware_sim.psam import PsamChip, psam_values
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import KEY, Scripted

F_CARD, F_CITY, F_PROVINCE = bytes.fromhex("8697460100000001"), b"460100sx", b"460000sx"
FACTORS = (F_CARD, F_CITY, F_PROVINCE)
R = bytes.fromhex("1122334455667788")
BLOCKS = b"enciphered block"
KEYS = {kid: (kid, KEY) for kid in (0x07, 0x27, 0x47, 0x67, 0x28, 0x48, 0x08, 0x46, 0x43, 0x44, 0x45, 0x42)}


@pytest.fixture
def psam() -> PsamChip:
    chip = PsamChip(MemoryStorage(psam_values(bytes.fromhex("460100000007"), KEYS, {1: KEY})), Scripted())
    chip.power_on()
    say(chip, bytes.fromhex("00A4040006D15600000590"))
    return chip


def say(chip: PsamChip, command: bytes) -> str:
    answer = chip.process(command)
    if answer[0] == 0x61 and len(answer) == 2:
        answer = chip.process(bytes((0, 0xC0, 0, 0, answer[1])))
    return answer.hex().upper()


def head(hexes: str, data: bytes) -> bytes:
    return bytes.fromhex(hexes) + bytes((len(data),)) + data if data else bytes.fromhex(hexes)


def card_key(levels: int) -> bytes:
    """The farthest factor first: province, city, card."""
    key = KEY
    for factor in reversed(FACTORS[:levels]):
        key = oracle.diversify(key, factor)
    return key


@pytest.mark.parametrize("usage", [0x07, 0x27, 0x47, 0x67, 0x08, 0x28, 0x48])
def test_session_keys_of_no_to_three_levels(psam: PsamChip, usage: int) -> None:
    levels = usage >> 5
    data = b"".join(FACTORS[:levels]) + R
    assert say(psam, head(f"BFDE{usage:02X}{usage:02X}", data)) == "9000"
    session = oracle.tdes(card_key(levels), R)
    assert say(psam, head("80FA0000", b"original")) == oracle.des(session, b"original").hex().upper() + "9000"
    assert say(psam, head("80FA0000", b"original")) == "6985"


@pytest.mark.parametrize("usage", [0x43, 0x44, 0x45, 0x46, 0x48])
def test_maintenance_macs_under_the_cards_own_key(psam: PsamChip, usage: int) -> None:
    assert say(psam, head(f"801A{usage:02X}{usage:02X}", F_CARD + F_CITY)) == "9000"
    command = bytes.fromhex("8424000004")
    padded = command + b"\x80\0\0"
    iv = bytes.fromhex("A1B2C3D400000000")
    for _ in range(2):  # the key stays: two commands of one PIN reload
        answer = say(psam, head("80FA0500", iv + padded))
        assert answer[:8] == oracle.retail(card_key(2), command, iv).hex().upper()
        assert len(answer) == 20


def test_reload_key_enciphers_and_signs(psam: PsamChip) -> None:
    assert say(psam, head("801A4444", F_CARD + F_CITY)) == "9000"
    assert say(psam, head("80FA0000", BLOCKS)) == oracle.tdes(card_key(2), BLOCKS).hex().upper() + "9000"
    assert say(psam, head("80FA0500", bytes(8) + BLOCKS)).endswith("9000")
    assert say(psam, head("BFDE4848", F_CARD + F_CITY + R)) == "9000"
    assert say(psam, head("80FA0500", bytes(8) + BLOCKS)).endswith("9000")
    assert say(psam, head("80FA0000", BLOCKS)) == "6985"


@pytest.mark.parametrize(
    ("prepare", "command", "sw"),
    [
        (head("801A4343", F_CARD + F_CITY), head("80FA0000", BLOCKS), "6982"),  # PIN unblock signs only
        (head("801A4747", F_CARD + F_CITY), head("80FA0500", bytes(8) + BLOCKS), "6982"),  # encryption only
        (head("801A4848", F_CARD + F_CITY), head("80FA0000", BLOCKS[:-1]), "6700"),
        (head("801A4848", F_CARD + F_CITY), head("80FA0500", bytes(8)), "6700"),
        (head("801A4848", F_CARD + F_CITY), head("80FA0100", BLOCKS), "6A86"),
        (b"\0\x84\0\0\x08", head("80FA0000", BLOCKS), "6985"),
        (b"\0\x84\0\0\x08", head("BFDE4343", F_CARD + F_CITY + R), "6982"),  # no session keys of that type
        (b"\0\x84\0\0\x08", head("801A4242", F_CARD + F_CITY), "6982"),  # the purchase key serves 8070 only
        (b"\0\x84\0\0\x08", head("801A4848", F_CARD), "6700"),
        (b"\0\x84\0\0\x08", head("801A4899", F_CARD + F_CITY), "6A88"),
        (b"\0\x84\0\0\x08", head("801A2848", F_CARD), "6985"),  # the key is there for another number of levels
        (head("801A4848", F_CARD + F_CITY), head("801A4899", F_CARD + F_CITY), "6A88"),
    ],
)
def test_refusals(psam: PsamChip, prepare: bytes, command: bytes, sw: str) -> None:
    say(psam, prepare)
    assert say(psam, command) == sw


def test_a_refused_key_unloads_the_one_before(psam: PsamChip) -> None:
    say(psam, head("801A4848", F_CARD + F_CITY))
    say(psam, head("801A4899", F_CARD + F_CITY))
    assert say(psam, head("80FA0000", BLOCKS)) == "6985"


def test_challenges_and_an_sm4_card_at_a_des_psam(psam: PsamChip) -> None:
    assert len(say(psam, b"\0\x84\0\0\x04")) == 12
    assert len(say(psam, b"\0\x84\0\0\x08")) == 20
    assert say(psam, b"\0\x84\0\0\x05") == "6700"
    assert say(psam, bytes.fromhex("00A404000F7378332E73682EC9E7BBE1B1A3D5CF")) == "6A82"
    say(psam, bytes.fromhex("00A40000028011"))
    order = bytes.fromhex("A1B2C3D40005000000C809202601150830000104") + bytes(16)
    assert say(psam, head("80700000", order)) == "6A80"  # algorithm 04: SM4 is not in this PSAM
