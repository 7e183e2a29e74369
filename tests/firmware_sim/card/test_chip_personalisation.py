"""From blank to personalised: every step in order, every short cut refused."""

import pytest

from firmware_sim.card import memory
from firmware_sim.card.chip import blank_values
from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import BATCH, KEY, TRANSPORT, Scripted, powered, say

MF, SSSE, DF01, EP = "3F00", "DDF1", "DF01", "3F01"
TAIL = "460100000001"
HEADER_MASTER = "00000100030000 10"
IRK = "0E000100030000 10"


@pytest.fixture
def blank() -> Card:
    return powered(blank_values(("ssc-2.00", "tunion"), TRANSPORT, BATCH), Scripted())


def prove(card: Card, key: bytes = TRANSPORT) -> str:
    say(card, f"00A4000002{MF}")
    challenge = bytes.fromhex(say(card, "0084000008")[:16])
    return say(card, f"0082000008{oracle.tdes(key, challenge).hex()}")


def write_key(card: Card, header: str, value: bytes, master: bytes, p1: str | None = None) -> str:
    clear = bytes.fromhex(header) + value
    plain = bytes([len(clear)]) + clear + b"\x80"
    hidden = oracle.tdes(master, plain + bytes(-len(plain) % 8))
    p1 = p1 or ("01" if header.startswith("00") else "00")
    head = bytes.fromhex(f"84D4{p1}0024") + hidden
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    return say(card, (head + oracle.retail(master, head, challenge + bytes(4))).hex())


def initialised(card: Card) -> Card:
    assert prove(card) == "9000"
    assert say(card, f"80F0000006{TAIL}") == "9000"
    card.power_on()
    return card


def finish(card: Card, master: bytes) -> str:
    say(card, f"00A4000002{MF}")
    challenge = bytes.fromhex(say(card, "0084000004")[:8])
    head = bytes.fromhex("84F2000004")
    return say(card, (head + oracle.retail(master, head, challenge + bytes(4))).hex())


def test_blank_has_a_tree_and_no_data(blank: Card) -> None:
    assert blank.atr.hex().upper() == "3B6D000000814E43238697000000000000"
    say(blank, f"00A4000002{SSSE}")
    assert say(blank, "00B2072C0B") == "0709" + "00" * 9 + "9000"
    assert say(blank, "00B2052C06") == "0504FFFFFFFF9000"


def test_atr_changes_at_the_next_reset_only(blank: Card) -> None:
    prove(blank)
    before = blank.atr
    assert say(blank, f"80F0000006{TAIL}") == "9000"
    assert blank.atr == before
    blank.power_on()
    assert blank.atr.hex().upper() == f"3B6D000000814E43238697{TAIL}"


def test_initialise_needs_the_transport_key_and_is_once_for_all(blank: Card) -> None:
    assert say(blank, f"80F0000006{TAIL}") == "6982"
    assert prove(blank, KEY) == "63C2"
    assert say(blank, f"80F0000006{TAIL}") == "6982"
    prove(blank)
    assert say(blank, f"80F0000006{TAIL}") == "9000"
    assert say(blank, f"80F0000006{TAIL}") == "9000"
    assert say(blank, "80F0000006460100000002") == "6985"
    assert say(blank, "80F000000546010000 00") == "6700"


def test_keys_wait_for_initialisation(blank: Card) -> None:
    prove(blank)
    assert write_key(blank, HEADER_MASTER, KEY, TRANSPORT) == "6985"


def test_master_key_comes_first_and_replaces_the_transport_key(blank: Card) -> None:
    card = initialised(blank)
    say(card, f"00A4000002{SSSE}")
    assert write_key(card, IRK, KEY, TRANSPORT) == "6985"
    assert write_key(card, HEADER_MASTER, KEY, TRANSPORT) == "9000"
    assert write_key(card, HEADER_MASTER, KEY, TRANSPORT) == "6988"
    assert write_key(card, IRK, KEY, KEY) == "9000"
    assert write_key(card, IRK, bytes(16), KEY) == "9000"
    assert card.keys.newest("SSSE", 0x0E, 0) == (bytes(16), 1)


@pytest.mark.parametrize(
    ("header", "p1", "sw"),
    [
        ("0E07010003000010", "00", "6A80"),  # no such key id declared here
        ("0E00010003010010", "00", "6A80"),  # single DES
        ("0E00000003000010", "00", "6A80"),  # version of a transport key
        ("0E00010003000010", "01", "6A86"),  # P1 speaks of a master key
        ("0000010003000010", "00", "6A86"),
    ],
)
def test_key_headers_are_checked(blank: Card, header: str, p1: str, sw: str) -> None:
    card = initialised(blank)
    say(card, f"00A4000002{SSSE}")
    write_key(card, HEADER_MASTER, KEY, TRANSPORT)
    assert write_key(card, header, KEY, KEY, p1) == sw


def test_a_key_block_needs_a_fresh_challenge_and_its_own_mac(blank: Card) -> None:
    card = initialised(blank)
    say(card, f"00A4000002{SSSE}")
    assert say(card, "84D4010024" + "00" * 36) == "6984"
    say(card, "0084000004")
    assert say(card, "84D4010024" + "00" * 36) == "6988"
    say(card, "0084000008")
    assert say(card, "84D4010024" + "00" * 36) == "6984"


def test_files_are_written_with_the_right_of_personalisation_only(blank: Card) -> None:
    card = initialised(blank)
    say(card, f"00A4000002{SSSE}")
    record = "0504" + "20260115"
    assert say(card, f"00DC052C06{record}") == "6985"
    prove(card)
    say(card, f"00A4000002{SSSE}")
    assert say(card, f"00DC052C06{record}") == "9000"
    say(card, f"00A4000002{DF01}")
    # the right also reads back what the holder's PIN will guard later
    assert say(card, "00B2012C04") == "200200009000"
    card.power_on()
    say(card, f"00A4000002{DF01}")
    assert say(card, "00B2012C04") == "6982"


def test_the_end_needs_every_master_key(blank: Card) -> None:
    card = initialised(blank)
    for directory in (spec.fid.hex() for spec in card.plan.dirs.values() if spec.name != "EP"):
        say(card, f"00A4000002{directory}")
        assert write_key(card, HEADER_MASTER, KEY, TRANSPORT) == "9000"
    assert finish(card, KEY) == "6985"
    say(card, f"00A4000002{EP}")
    write_key(card, HEADER_MASTER, KEY, TRANSPORT)
    assert finish(card, TRANSPORT) == "6988"
    assert finish(card, KEY) == "9000"
    assert finish(card, KEY) == "6985"
    say(card, f"00A4000002{SSSE}")
    assert say(card, "00DC052C06050420260115") == "6982"
    assert write_key(card, IRK, KEY, KEY) == "6985"
    # the master key no longer opens files, it only proves itself
    assert prove(card, KEY) == "9000"
    say(card, f"00A4000002{SSSE}")
    assert say(card, "00DC052C06050420260115") == "6982"


def test_key_version_is_proven_without_touching_a_secret(blank: Card) -> None:
    assert say(blank, "80F4000000") == "6C0A"
    assert say(blank, "80F400000A") == "6984"
    challenge = bytes.fromhex(say(blank, "0084000008")[:16])
    answer = say(blank, "80F400000A")
    assert answer == "00" + BATCH.hex().upper() + "00" + oracle.retail(TRANSPORT, challenge).hex().upper() + "9000"
    assert say(blank, "80F400000A") == "6984"


def test_a_key_version_proof_covers_the_hosts_random_and_what_it_says(blank: Card) -> None:
    head = bytes(1) + BATCH + bytes(1)
    for random in (bytes(range(8)), bytes(8)):
        answer = say(blank, "80F4000008" + random.hex())
        assert answer == (head + oracle.retail(TRANSPORT, random + head)).hex().upper() + "9000"
    assert say(blank, "80F4000004" + bytes(4).hex()) == "6700"
    challenge = bytes.fromhex(say(blank, "0084000008")[:16])
    say(blank, "80F4000008" + bytes(8).hex())  # does not use up the card's own challenge
    assert say(blank, f"0082000008{oracle.tdes(TRANSPORT, challenge).hex()}") == "9000"


def test_wrong_transport_keys_lock_the_blank(blank: Card) -> None:
    assert [prove(blank, KEY) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert prove(blank) == "6983"


def test_purse_sleeps_until_personalised(blank: Card) -> None:
    say(blank, f"00A4000002{EP}")
    assert say(blank, "805000020B010000000146010000000110") == "6985"
    assert say(blank, "805C000204") == "000000009000"
    assert blank.nv.get(memory.proof_name("EP")) is None
