"""Life cycle, key versions side by side, key change in the field, and walls between applications."""

import pytest

from firmware_sim.card import memory
from firmware_sim.card.cos import EXTERNAL, Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import (
    EP,
    PIN_BLOCK,
    SSSE,
    challenge,
    fid,
    key_of,
    powered,
    prove,
    prove_master,
    say,
    select,
    signed,
    whole_values,
)

UPDATE_DATE = "00DC052C0605042046 1231"
UK, RK = 0x04, 0x0A
OTHER = bytes(range(16, 32))


@pytest.fixture
def card() -> Card:
    card = powered(whole_values("ssc-2.00", "tunion", "cityunion"))
    select(card, SSSE)
    return card


def write_key(card: Card, header: str, value: bytes, master: bytes, p1: str = "00") -> str:
    clear = bytes.fromhex(header) + value
    hidden = oracle.tdes(master, bytes((len(clear),)) + clear + b"\x80" + bytes(6))
    return signed(card, f"84D4{p1}00", master, hidden)


# --- life cycle ------------------------------------------------------------------------------------------------------


def test_a_terminated_chip_answers_one_status_word_for_ever(card: Card) -> None:
    assert signed(card, "84FE0000", key_of("MK.MF")) == "6985"  # not at the MF
    fid(card, "3F00")
    assert signed(card, "84FE0000", bytes(range(16))) == "6988"
    assert card.state == "personalised"
    assert signed(card, "84FE0000", key_of("MK.MF")) == "9000"
    assert say(card, "00A40000") == "6901"
    card.power_on()
    assert card.state == "terminated"
    assert [say(card, c) for c in ("00A40000", "0084000008", "80F400000A", "00FF0000")] == ["6901"] * 3 + ["6D00"]


def test_a_blocked_card_cannot_be_terminated_or_unblocked(card: Card) -> None:
    fid(card, "3F00")
    assert signed(card, "84160000", key_of("MK.MF")) == "9000"
    assert card.state == "blocked"
    assert say(card, "84FE000004 00000000") == "6A81"
    assert say(card, "8418000004 00000000") == "6A81"


def test_a_blank_refuses_what_belongs_to_later_states() -> None:
    values = whole_values("ssc-2.00")
    values[memory.LIFECYCLE] = b"\0"
    card = powered(values)
    select(card, SSSE)
    for command in (UPDATE_DATE, "84D401002400", "841E000004AABBCCDD", "84FE000004AABBCCDD", "842400000400000000"):
        assert say(card, command) in ("6985", "6700")
    assert say(card, "04DC052C0A" + "00" * 10) == "6985"


# --- key versions ----------------------------------------------------------------------------------------------------


def test_three_versions_side_by_side_share_one_counter() -> None:
    values = whole_values("ssc-2.00")
    for version in (2, 3):
        name = memory.key_name("SSSE", EXTERNAL, UK, version)
        values[name] = bytes((EXTERNAL, UK, version, 0, 3, 0, 0, 16)) + key_of("UK_SSSE", version)
    card = powered(values)
    select(card, SSSE)
    for version in (1, 2, 3):
        assert prove(card, UK, key_of("UK_SSSE", version), f"{version:02X}") == "9000"
    assert prove(card, UK, key_of("UK_SSSE", 1)) == "9000"
    assert prove(card, UK, key_of("UK_SSSE", 2), "04") == "6A88"
    assert [prove(card, UK, OTHER, f"{v:02X}") for v in (1, 2, 3)] == ["63C2", "63C1", "63C0"]
    assert prove(card, UK, key_of("UK_SSSE", 1), "01") == "6983"


def test_a_key_changes_in_the_field_only_after_its_master_key_was_proven(card: Card) -> None:
    master, new = key_of("MK.SSSE"), bytes(range(16))
    header = "0D04020003000010"
    assert write_key(card, header, new, master) == "6985"
    assert prove_master(card, key_of("MK.MF")) == "63C2"
    assert prove_master(card, master) == "9000"
    assert write_key(card, header, new, OTHER) == "6988"
    assert write_key(card, header, new, master) == "9000"
    assert card.keys.versions("SSSE", EXTERNAL, UK) == (1, 2)
    assert prove(card, UK, new, "02") == "9000"
    assert prove(card, UK, key_of("UK_SSSE")) == "9000"
    # the right ends with the directory, also when the same one is selected again
    select(card, SSSE)
    assert write_key(card, header, new, master) == "6985"


def test_four_versions_and_no_more(card: Card) -> None:
    master = key_of("MK.SSSE")
    prove_master(card, master)
    for version in (2, 3, 4):
        assert write_key(card, f"0D04{version:02X}0003000010", bytes(16), master) == "9000"
    assert write_key(card, "0D04050003000010", bytes(16), master) == "6A84"
    assert write_key(card, "0D04040005000010", bytes(range(16)), master) == "9000"


def test_a_new_master_key_replaces_the_old_one(card: Card) -> None:
    master, new = key_of("MK.SSSE"), bytes(range(16))
    prove_master(card, master)
    assert write_key(card, "0000020003000010", new, master, "01") == "9000"
    assert write_key(card, "0D04020003000010", new, master) == "6988"
    assert write_key(card, "0D04020003000010", new, new) == "9000"
    assert card.keys.versions("SSSE", 0, 0) == (2,)


def test_the_pin_can_be_issued_again(card: Card) -> None:
    master = key_of("MK.SSSE")
    prove_master(card, master)
    assert say(card, "0020000003123456") == "9000"
    assert write_key(card, "0100010006000010", PIN_BLOCK, master) == "9000"
    assert say(card, "0020000003123456") == "9000"
    fid(card, "DF01")
    assert say(card, "00B2012C04") == "6985"  # it is the initial one again


# --- rights ----------------------------------------------------------------------------------------------------------


def test_a_wrong_pin_takes_the_right_of_the_right_one(card: Card) -> None:
    say(card, "0020000003123456")
    fid(card, "DF01")
    assert say(card, "00B2012C04").endswith("9000")
    assert say(card, "0020000003000000") == "63C5"
    assert say(card, "00B2012C04") == "6982"
    say(card, "0020000003123456")
    assert say(card, "805E010007000000FF654321") == "63C5"
    assert say(card, "00B2012C04") == "6982"


def test_a_wrong_key_takes_the_right_of_that_key_only(card: Card) -> None:
    assert prove(card, UK, key_of("UK_SSSE")) == "9000"
    assert prove(card, RK, OTHER) == "63C2"
    assert say(card, UPDATE_DATE) == "9000"
    assert prove(card, UK, OTHER) == "63C2"
    assert say(card, UPDATE_DATE) == "6982"


def test_rights_do_not_cross_the_walls_between_applications(card: Card) -> None:
    """PIN and keys of the social security application are worth nothing in a purse, and are lost there."""
    assert say(card, "0020000003123456") == "9000"
    assert prove(card, UK, key_of("UK_SSSE")) == "9000"
    select(card, EP)
    assert say(card, "0020000003123456") == "6A88"
    assert say(card, "00D6970004AABBCCDD") == "6982"
    assert prove(card, UK, key_of("UK_SSSE")) == "6A88"
    assert say(card, "00B2012C04") == "6A82"
    assert signed(card, "04D69700", key_of("MK.SSSE"), bytes(4)) == "6988"
    select(card, SSSE)
    assert say(card, UPDATE_DATE) == "6982"
    fid(card, "DF01")
    assert say(card, "00B2012C04") == "6982"


def test_sisters_share_the_parents_rights_and_not_their_own(card: Card) -> None:
    say(card, "0020000003123456")
    fid(card, "DF01")
    assert prove(card, 0x2E, key_of("RK_DF01")) == "9000"
    fid(card, "DF03")
    assert say(card, "00B2012C05").endswith("9000")  # the PIN belongs to SSSE above both
    assert prove(card, 0x2E, key_of("RK_DF01")) == "6A88"
    fid(card, "DF01")
    card.session.revoke("SSSE", "pin")
    assert say(card, "00B2012C04") == "6982"  # and RK_DF01 was lost on leaving


@pytest.mark.parametrize("failing", ["00A4040006D1560000FFFF", "00A4000002ABCD", "00A4020002ABCD", "00A4010000"])
def test_a_selection_that_fails_leaves_everything(card: Card, failing: str) -> None:
    say(card, "0020000003123456")
    fid(card, "DF01")
    random = challenge(card, 8)
    assert say(card, failing)[0] == "6"
    assert say(card, "00B2012C04").endswith("9000")
    session = oracle.tdes(key_of("RK_DF01"), random)
    assert say(card, f"0082002E10{oracle.des(session, b'original').hex()}{b'original'.hex()}") == "9000"


def test_a_challenge_serves_one_command_only(card: Card) -> None:
    random = challenge(card)
    head = bytes.fromhex("841E000004")
    mac = oracle.retail(key_of("STK.SSSE"), head, random + bytes(4))
    assert say(card, "842400000400000000") == "63C2"  # spends the challenge on the PUK
    assert say(card, (head + mac).hex()) == "6984"
    random = challenge(card)
    assert say(card, "0082000410" + "00" * 16) == "6984"  # wrong length of challenge spends it too
    assert say(card, (head + mac).hex()) == "6984"
    random = challenge(card)
    assert say(card, "0082007710" + "00" * 16) == "6A88"  # refused before the challenge was asked for
    mac = oracle.retail(key_of("STK.SSSE"), head, random + bytes(4))
    assert say(card, (head + mac).hex()) == "9000"
