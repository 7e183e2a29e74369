"""Repeated and constructed records, cyclic files, protected updates, the medical accounts, the bank application."""

import pytest

from card.files import codecs
from card.files.kinds import RecordEf
from card.files.profile import load_profile
from firmware_sim.card import memory
from firmware_sim.card.bank import atc_name
from firmware_sim.card.cos import Card
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import SSSE, fid, key_of, powered, prove, say, select, signed, whole_values

ACCOUNTS = bytes.fromhex("00003039" + "00000064" + "2026" + "000000C8" + "2026" + "00" * 15)
DEBIT = "A000000333010101"


@pytest.fixture
def card() -> Card:
    values = whole_values("ssc-2.00", "tunion", "pboc-debit")
    values["ef/DF04/EF81"] = ACCOUNTS
    for ef in load_profile("pboc-debit").files:
        if isinstance(ef, RecordEf):
            values.update({memory.record_name(ef, item.no): codecs.example(item)[1] for item in ef.records})
    card = powered(values)
    select(card, SSSE)
    return card


# --- repeated and constructed records --------------------------------------------------------------------------------


def test_a_repeated_tag_is_reached_by_number_and_by_tag_gives_the_first(card: Card) -> None:
    fid(card, "DF02")
    say(card, "0020000003123456")
    card.session.grant("SSSE", "pin")
    numbers = [item.no for item in card.plan.ef_by_sfi("DF02", 5).records if item.tag == 0x43]  # type: ignore[union-attr]
    assert len(numbers) == 2
    first, second = (say(card, f"00B2{no:02X}2C6E") for no in numbers)
    assert first == second and first.startswith("436C")
    content = bytes.fromhex(first[:-4])
    changed = content[:-1] + b"\x31"
    card.session.grant("DF02", "key:UK_DF02")
    assert say(card, f"00DC{numbers[1]:02X}2C6E{changed.hex()}") == "9000"
    assert say(card, f"00B2{numbers[1]:02X}2C6E")[:-4] == changed.hex().upper()
    assert say(card, "00B243286E") == first
    assert say(card, f"00DC43286D{changed[:-1].hex()}") == "6A80"
    assert say(card, f"00DC43286E{'44' + changed[1:].hex()}") == "6A80"


def test_cyclic_files_grow_by_append_and_forget_the_oldest(card: Card) -> None:
    fid(card, "DF04")
    card.session.grant("DF04", "key:UK_DF04")
    card.session.grant("DF04", "key:RK_DF04")
    assert say(card, "00B201AC03") == "6A83"
    for number in range(1, 11):
        command = "00E200A803" if number % 2 else "00DC00AB03"
        assert say(card, f"{command}00{number:02X}31") == "9000"
    assert say(card, "00B201AC03") == "000A319000"
    assert say(card, "00B208AC03") == "0003319000"
    assert say(card, "00B209AC03") == "6A83"
    assert say(card, "00E200A8020001") == "6700"
    assert say(card, "00DC01AC03000131") == "6981"
    assert say(card, "00E2002804" + "00" * 4) == "6A84"
    assert say(card, "00DC002B04" + "00" * 4) == "6981"
    assert say(card, "00E200AC03000131") == "6A86"


def test_medical_transactions_are_written_by_the_card_only(card: Card) -> None:
    fid(card, "DF04")
    assert say(card, "00B201441C") == "6982"
    say(card, "0020000003123456")
    assert say(card, "00B201441C") == "6A83"
    card.session.grant("DF04", "key:UK_DF04")
    assert say(card, "00E200401C" + "00" * 28) == "6982"


# --- medical accounts ------------------------------------------------------------------------------------------------


def test_medical_balances_need_the_pin(card: Card) -> None:
    assert say(card, "B026000104") == "6985"  # not in the medical application
    fid(card, "DF04")
    assert say(card, "B026000104") == "6982"
    assert say(card, "0020000003123456") == "9000"
    assert say(card, "B026000104") == "000030399000"
    assert say(card, "B026000206") == "0000006420269000"
    assert say(card, "B026000306") == "000000C820269000"
    assert say(card, "B026000304") == "6C06"
    assert say(card, "B026000404") == "6A86"
    assert say(card, "B026010104") == "6A86"
    assert say(card, "00B081001F") == "6982"  # the internal file itself is closed


def test_medical_balances_stay_closed_to_the_initial_pin(card: Card) -> None:
    card.nv.commit({memory.PIN_IS_INITIAL: b"\x01"})
    fid(card, "DF04")
    assert say(card, "0020000003123456") == "9000"
    assert say(card, "B026000104") == "6985"


# --- protected updates -----------------------------------------------------------------------------------------------


def test_protection_without_a_named_key_takes_the_stk_and_opens_nothing_more(card: Card) -> None:
    stk, record = key_of("STK.SSSE"), bytes.fromhex("050420461231")
    assert signed(card, "04DC052C", stk, record) == "6982"
    assert prove(card, 0x04, key_of("UK_SSSE")) == "9000"
    assert signed(card, "04DC052C", stk, record) == "9000"
    assert signed(card, "04DC052C", key_of("MK.SSSE"), record) == "6988"
    assert say(card, "04DC052C04AABBCCDD") == "6987"


def test_enciphered_updates(card: Card) -> None:
    ef = card.plan.ef_by_sfi("SSSE", 5)
    assert ef is not None
    object.__setattr__(ef.write, "any_of", (("enc:MK.SSSE",),))
    try:
        key, record = key_of("MK.SSSE"), bytes.fromhex("050420461231")
        hidden = oracle.tdes(key, bytes((6,)) + record + b"\x80")
        assert signed(card, "04DC052C", key, hidden) == "9000"
        assert say(card, "00B2052C06") == record.hex().upper() + "9000"
        assert signed(card, "04DC052C", key, record + bytes(2)) == "6A80"
        assert signed(card, "04DC052C", key, hidden[:-1]) == "6A80"
        assert say(card, f"00DC052C06{record.hex()}") == "6982"
    finally:
        object.__setattr__(ef.write, "any_of", (("key:UK_SSSE",),))


# --- bank ------------------------------------------------------------------------------------------------------------


def test_the_bank_application_is_found_and_read_as_emv_does(card: Card) -> None:
    pse = select(card, b"1PAY.SYS.DDF01".hex())
    assert pse.startswith("6F") and "A5" in pse and "880101" in pse
    entry = say(card, "00B2010C00")
    assert entry.startswith("6C")
    entry = say(card, f"00B2010C{entry[2:]}")
    assert entry.startswith("70") and DEBIT in entry
    assert DEBIT in select(card, b"2PAY.SYS.DDF01".hex())
    assert select(card, DEBIT).startswith("6F")
    options = say(card, "80A80000028300")
    assert options == "800A" + "7C00" + "08010100" + "10010100" + "9000"
    pan = say(card, "00B2011400")
    assert "5A0A" in say(card, f"00B20114{pan[2:]}")


def test_the_bank_counts_transactions_and_names_its_data(card: Card) -> None:
    assert say(card, "80A80000028300") == "6985"
    assert say(card, "80CA9F3605") == "6985"
    select(card, DEBIT)
    assert say(card, "80CA9F3605") == "9F360200009000"
    say(card, "80A80000028300")
    say(card, "80A80000028300")
    assert say(card, "80CA9F3605") == "9F360200029000"
    assert say(card, "80CA9F1704") == "9F1701039000"
    assert say(card, "80CA9F7F00") == "6A88"
    assert say(card, "80A80000038301AA") == "6A80"
    assert say(card, "80CA000020" + "00" * 32) == "6A88"
    card.nv.commit({atc_name("DEBIT"): b"\xff\xff"})
    assert say(card, "80A80000028300") == "6985"
