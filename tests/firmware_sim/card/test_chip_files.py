"""SELECT, READ and UPDATE at the level of bytes; T=0 manners."""

import pytest

from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, KEY, SSSE, finished_values, powered, say, select


@pytest.fixture
def card() -> Card:
    return powered(finished_values())


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00", "6700"),
        ("00A4", "6700"),
        ("00A4000002DD", "6700"),
        ("00A4000100", "6A86"),
        ("00A40000020001", "6A82"),
        ("00A4040002AAAA", "6A82"),
        ("00FF0000", "6D00"),
        ("C0A4000002DDF1", "6E00"),
        ("00B0850001", "6A82"),
        ("00B2010408", "6986"),
        ("00C0000004", "6985"),
        ("0084000005", "6700"),
        ("0084010008", "6A86"),
        ("805C000204", "6985"),
    ],
)
def test_refusals_at_the_master_file(card: Card, command: str, sw: str) -> None:
    assert say(card, command) == sw


def test_directories_by_name_and_by_fid(card: Card) -> None:
    assert say(card, "00A40000023F00") == "6F0483023F009000"
    by_name = select(card, SSSE)
    assert by_name == f"6F11840F{SSSE}9000"
    assert say(card, "00A4000002DDF1") == by_name
    assert say(card, "00A4000002DF01") == "6F088406D156000005009000"


def test_purse_shows_its_public_file_in_the_fci(card: Card) -> None:
    answer = select(card, EP)
    content = say(card, "00B095001E")[:-4]
    assert answer == f"6F318408{EP}A5259F0801029F0C1E{content}9000"


def test_current_file_by_fid_both_ways(card: Card) -> None:
    select(card, SSSE)
    assert say(card, "00A4020002EF05") == "9000"
    assert say(card, "00B2070400") == "6C0B"
    assert say(card, "00B207040B")[:4] == "0709"
    assert say(card, "00A4000002EF06") == "9000"
    assert say(card, "00B20D0006")[:4] == "0D04"
    assert say(card, "00B2630400") == "6A83"
    assert say(card, "00B2010614") == "6A86"


def test_answer_waits_and_may_be_fetched_in_parts(card: Card) -> None:
    assert card.process(bytes.fromhex("00A404000F" + SSSE)) == bytes.fromhex("6113")
    first = card.process(bytes.fromhex("00C0000010"))
    assert first[-2:] == bytes.fromhex("6103")
    assert len(first + card.process(bytes.fromhex("00C0000003"))) == 0x13 + 4
    assert card.process(bytes.fromhex("00C0000001")) == bytes.fromhex("6985")
    card.process(bytes.fromhex("00A404000F" + SSSE))
    assert card.process(bytes.fromhex("00C0000000")) == bytes.fromhex("6C13")
    card.process(bytes.fromhex("0084000008"))
    assert card.process(bytes.fromhex("00C0000013")) == bytes.fromhex("6985")


def test_binary_offsets(card: Card) -> None:
    select(card, EP)
    assert say(card, "00B0951D01") == "FF9000"
    assert say(card, "00B0951E01") == "6B00"
    assert say(card, "00B0950000") == "6C1E"
    assert say(card, "00B0951000") == "6C0E"
    assert say(card, "00B0980001") == "6981"
    assert say(card, "00B201AC01") == "6981"


def test_purse_files_are_written_only_under_a_mac(card: Card) -> None:
    select(card, EP)
    assert say(card, "00D6970004AABBCCDD") == "6982"
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    head = bytes.fromhex("04D6970008AABBCCDD")
    mac = oracle.retail(KEY, head, challenge + bytes(4)).hex()
    assert say(card, head.hex() + mac) == "9000"
    assert say(card, "00B0970004") == "AABBCCDD9000"
    assert say(card, head.hex() + mac) == "6984"
    say(card, "0084000004")
    assert say(card, head.hex() + "00000000") == "6988"
    assert say(card, "04D697000411223344") == "6987"


def test_logs_belong_to_the_card(card: Card) -> None:
    select(card, EP)
    assert say(card, "00B201C417") == "6A83"
    assert say(card, "00DC00C017" + "00" * 23) == "6981"


def test_records_keep_tag_and_length(card: Card) -> None:
    select(card, SSSE)
    challenge = bytes.fromhex(say(card, "0084000008")[:16])
    cryptogram = oracle.des(oracle.tdes(KEY, challenge), b"original")
    assert say(card, f"0082000410{cryptogram.hex()}{b'original'.hex()}") == "9000"
    assert say(card, "00DC052C0605042046 1231") == "9000"
    assert say(card, "00DC05280605042047 1231") == "9000"
    assert say(card, "00B2052C06") == "0504204712319000"
    assert say(card, "00DC052C0606042046 1231") == "6A80"
    assert say(card, "00DC052C050503204612") == "6A80"
    assert say(card, "00DC632C0605042046 1231") == "6A83"
    assert say(card, "00DC052C") == "6700"


def test_reset_forgets_selection_and_rights(card: Card) -> None:
    select(card, SSSE)
    assert say(card, "0020000003123456") == "9000"
    card.power_on()
    assert say(card, "00B2072C0B") == "6A82"
    select(card, SSSE)
    say(card, "00A4000002DF01")
    assert say(card, "00B2012C04") == "6982"
