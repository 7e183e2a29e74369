"""The declared SM4 family: social security card 3.00 and the SM4 purse, each value against another library."""

import pytest

from firmware_sim.card import crypto, memory
from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, SSSE, challenge, fid, key_of, powered, put_purse, say, select, whole_values

CARD_NO, NAME = "00B2072C0B", "00B2023420"
TERMINAL = "460100000001"


@pytest.fixture
def card() -> Card:
    values = whole_values("ssc-3.00", "tunion-sm4")
    put_purse(values, 1000, online=3, offline=5)
    card = powered(values)
    select(card, SSSE)
    return card


def prove(card: Card, kid: int, key: bytes) -> str:
    session = oracle.sm4_session(key, challenge(card, 8))
    data = oracle.sm4_folded(session, b"original") + b"original"
    return say(card, f"008200{kid:02X}10{data.hex()}")


def signed(card: Card, head: str, key: bytes, data: bytes = b"") -> str:
    raw = bytes.fromhex(head) + bytes((len(data) + 4,)) + data
    return say(card, (raw + oracle.sm4_mac(key, raw, challenge(card))).hex())


def enciphered(key: bytes, content: bytes) -> bytes:
    framed = bytes((len(content),)) + content
    return oracle.sm4(key, framed + (b"\x80" + bytes(-(len(framed) + 1) % 16) if len(framed) % 16 else b""))


def test_the_cipher_is_sm4() -> None:
    """GB/T 32907 annex A, the first example."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert crypto.sm4_encrypt(key, key).hex().upper() == "681EDF34D206965E86B3E94F536E4246"
    assert crypto.sm4_decrypt(key, crypto.sm4_encrypt(key, key)) == key


def test_number_and_name_open_with_the_read_key_only(card: Card) -> None:
    assert say(card, "00B2032C06").endswith("9000")
    assert say(card, CARD_NO) == say(card, NAME) == "6982"
    say(card, "0020000003123456")
    assert say(card, NAME) == "6982"
    assert prove(card, 0x0A, bytes(16)) == "63C2"
    assert prove(card, 0x0A, key_of("RK_SSSE")) == "9000"
    assert say(card, CARD_NO).endswith("9000")
    assert say(card, NAME).endswith("9000")


def test_records_are_looked_up_before_their_own_rule(card: Card) -> None:
    assert say(card, "00B2632C0B") == "6A83"
    assert say(card, "00B2082C0B") == "6A83"


def test_the_chip_proves_itself(card: Card) -> None:
    answer = say(card, "0088000010" + b"factor 8original".hex())
    session = oracle.sm4_session(key_of("IRK"), b"factor 8")
    assert answer == oracle.sm4_folded(session, b"original").hex().upper() + "9000"


def test_maintenance_is_under_sm4_macs(card: Card) -> None:
    stk, puk = key_of("STK.SSSE"), key_of("PUK")
    assert signed(card, "841E0000", stk) == "9000"
    assert signed(card, "84180000", stk) == "9000"
    say(card, "0020000003000000")
    assert signed(card, "84240000", puk) == "9000"
    assert say(card, "00200000") == "63C6"
    assert signed(card, "84D40000", puk, enciphered(puk, bytes.fromhex("777777"))) == "9000"
    assert say(card, "0020000003777777") == "9000"
    assert say(card, "84D400000C" + "00" * 12) == "6700"  # the length of the DES form


def test_keys_are_loaded_and_personalisation_ends_under_sm4() -> None:
    values = whole_values("ssc-3.00")
    values[memory.LIFECYCLE] = b"\x01"
    card = powered(values)
    proof = oracle.sm4_folded(key_of("MK.MF"), challenge(card, 8))
    assert say(card, f"0082000008{proof.hex()}") == "9000"
    select(card, SSSE)
    master = key_of("MK.SSSE")
    block = enciphered(master, bytes.fromhex("0E00020003000010") + bytes(range(16)))
    assert len(block) == 32
    assert signed(card, "84D40000", master, block) == "9000"
    session = oracle.sm4_session(bytes(range(16)), b"factor 8")
    answer = say(card, "0088000011" + b"factor 8original".hex() + "02")
    assert answer == oracle.sm4_folded(session, b"original").hex().upper() + "9000"
    fid(card, "3F00")
    assert signed(card, "84F20000", key_of("MK.MF")) == "9000"
    random = challenge(card, 8)
    head = "0300000001" + "01"
    mac = oracle.sm4_mac(key_of("MK.MF"), random)
    assert say(card, "80F400000A") == head + mac.hex().upper() + "9000"


def test_the_master_file_speaks_the_first_profile_and_the_purse_its_own() -> None:
    card = powered(whole_values("ssc-3.00", "tunion"))
    assert say(card, f"0082000008{oracle.sm4_folded(key_of('MK.MF'), challenge(card, 8)).hex()}") == "9000"
    select(card, EP)
    assert say(card, f"0082000008{oracle.tdes(key_of('MK.EP'), challenge(card, 8)).hex()}") == "9000"


# --- the purse -------------------------------------------------------------------------------------------------------


def test_compound_purchase_under_sm4(card: Card) -> None:
    select(card, EP)
    begun = bytes.fromhex(say(card, f"805003020B01000000C8{TERMINAL}"))
    assert begun[:10].hex() == "000003e8" + "0005" + "000000" + "01"
    session = oracle.sm4_session(key_of("DPK"), begun[11:15] + bytes.fromhex("0005" + "0007"))
    head, at = bytes.fromhex("000000C809" + TERMINAL), bytes.fromhex("20260115083000")
    mac1 = oracle.sm4_mac(session, head + at)
    answer = say(card, "805401000F00000007" + at.hex() + mac1.hex())
    tac = oracle.sm4_mac(key_of("DTK"), head + bytes.fromhex("00000007") + at)
    assert answer == (tac + oracle.sm4_mac(session, bytes.fromhex("000000C8"))).hex().upper() + "9000"
    assert say(card, "805C000204") == "000003209000"


def test_load_under_sm4(card: Card) -> None:
    select(card, EP)
    begun = bytes.fromhex(say(card, f"805000020B0100000064{TERMINAL}"))
    session = oracle.sm4_session(key_of("DLK"), begun[8:12] + bytes.fromhex("0003" + "8000"))
    head, at = bytes.fromhex("0000006402" + TERMINAL), bytes.fromhex("20260115083000")
    assert begun[12:16] == oracle.sm4_mac(session, bytes.fromhex("000003E8") + head)
    answer = say(card, "805200000B" + at.hex() + oracle.sm4_mac(session, head + at).hex())
    tac = oracle.sm4_mac(key_of("DTK"), bytes.fromhex("0000044C" + "0003") + head + at)
    assert answer == tac.hex().upper() + "9000"
