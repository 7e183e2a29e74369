"""Unload, composite records by id, several purses on one chip, overdraft shown and never used."""

import dataclasses

import pytest

from firmware_sim.card import memory
from firmware_sim.card.cos import Card
from firmware_sim.card.faults import Fault, PowerLostError
from firmware_sim.card.memory import PurseState
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, key_of, powered, say, select, whole_values

CU = "A00000000386980701"
TERMINAL, AT = "460100000001", "20260115083000"
UNLOAD = f"805005020B0100000064{TERMINAL}"


def values() -> dict[str, bytes]:
    chip = whole_values("ssc-2.00", "tunion", "cityunion")
    chip[memory.purse_name("EP")] = PurseState(500, 7, 9).pack()
    chip[memory.purse_name("CU")] = PurseState(300, 1, 2).pack()
    return chip


@pytest.fixture
def card() -> Card:
    card = powered(values())
    select(card, EP)
    return card


def unload(card: Card) -> tuple[bytes, str]:
    """(session key, DEBIT FOR UNLOAD ready to send)."""
    begun = bytes.fromhex(say(card, UNLOAD))
    assert begun[:8].hex() == "000001f4" + "0007" + "01" + "00"
    session = oracle.tdes(key_of("DULK"), begun[8:12] + bytes.fromhex("00078000"))
    head = bytes.fromhex("0000006403" + TERMINAL)
    assert begun[12:16] == oracle.mac(session, bytes.fromhex("000001F4") + head)
    mac2 = oracle.mac(session, head + bytes.fromhex(AT))
    return session, f"805403000B{AT}{mac2.hex()}"


def test_unload_takes_the_money_and_proves_it(card: Card) -> None:
    session, command = unload(card)
    covered = bytes.fromhex("00000190" + "0007" + "0000006403" + TERMINAL + AT)
    mac3 = oracle.mac(session, covered).hex().upper()
    assert say(card, command) == mac3 + "9000"
    assert say(card, "805C000204") == "000001909000"
    assert say(card, "00B201C417") == "0007000000" + "00000064" + "03" + TERMINAL + AT + "9000"
    card.power_on()
    select(card, EP)
    assert say(card, "805A0003020008") == command[-8:].upper() + mac3 + "9000"
    assert say(card, "805A0003020007") == "9406"
    assert say(card, command) == "6985"


def test_unload_refuses_what_it_should(card: Card) -> None:
    assert say(card, f"805005020B01000001F5{TERMINAL}") == "9401"
    assert say(card, f"805005020B0200000064{TERMINAL}") == "9403"
    _, command = unload(card)
    assert say(card, command[:-8] + "00000000") == "9302"
    assert say(card, command) == "6985"
    unload(card)
    assert say(card, "805401000F" + "00" * 15) == "6985"  # a purchase's debit ends the unload under way
    assert say(card, "805C000204") == "000001F49000"


def test_a_torn_unload_is_whole_or_nothing(card: Card) -> None:
    for kind, left in (("tear_before_write", "000001F4"), ("tear_after_write", "00000190")):
        _, command = unload(card)
        card.nv.faults.arm(Fault(kind, 0x54))  # type: ignore[arg-type]
        with pytest.raises(PowerLostError):
            card.process(bytes.fromhex(command))
        card.power_on()
        select(card, EP)
        assert say(card, "805C000204") == left + "9000"


def test_withdrawal_belongs_to_the_deposit_which_is_not_here(card: Card) -> None:
    assert say(card, f"805002010B0100000064{TERMINAL}") == "6A86"
    assert say(card, f"805002020B0100000064{TERMINAL}") == "6A86"
    assert say(card, f"8050040107 01{TERMINAL}") == "6700"
    assert say(card, "805800000E" + "00" * 14) == "6D00"


# --- composite records -----------------------------------------------------------------------------------------------

RAIL = "27017D" + "01" * 125


def debit(card: Card, terminal_sequence: str, begun: bytes) -> str:
    session = oracle.tdes(key_of("DPK"), begun[11:15] + begun[4:6] + bytes.fromhex(terminal_sequence[4:]))
    mac1 = oracle.mac(session, bytes.fromhex("0000000A09" + TERMINAL + AT))
    return say(card, f"805401000F{terminal_sequence}{AT}{mac1.hex()}")


def begin(card: Card) -> bytes:
    return bytes.fromhex(say(card, f"805003020B010000000A{TERMINAL}"))


def test_composite_record_by_id_with_the_debit(card: Card) -> None:
    blank = say(card, "00B201D480")
    assert blank.startswith("27017D")
    begun = begin(card)
    assert say(card, f"80DC01D080{RAIL}") == "9000"
    assert say(card, "80DC00F030" + "AB" * 48) == "9000"
    assert say(card, "00B201D480") == blank
    assert debit(card, "00000001", begun).endswith("9000")
    assert say(card, "00B201D480") == say(card, "00B201D080") == RAIL + "9000"
    assert say(card, "00B201F430") == "AB" * 48 + "9000"


def test_composite_record_without_its_debit_is_forgotten(card: Card) -> None:
    blank = say(card, "00B201D480")
    begin(card)
    assert say(card, f"80DC01D480{RAIL}") == "9000"
    card.power_on()
    select(card, EP)
    assert say(card, "00B201D480") == blank


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (f"80DCFFD080{RAIL}", "6A83"),
        (f"80DC01D080{'2702' + RAIL[4:]}", "6A80"),
        (f"80DC01D07F{RAIL[:-2]}", "6A80"),
        (f"80DC01D280{RAIL}", "6A86"),
        ("80DC01F030" + "00" * 48, "6A86"),
        ("80DC00F430" + "00" * 48, "6A86"),
        ("00DC01D080" + RAIL, "6982"),
    ],
)
def test_what_a_cached_record_must_be(card: Card, command: str, sw: str) -> None:
    begin(card)
    assert say(card, command) == sw


# --- several purses --------------------------------------------------------------------------------------------------


def test_purses_of_one_chip_know_nothing_of_each_other(card: Card) -> None:
    begun = begin(card)
    assert select(card, CU).endswith("9000")
    assert say(card, "805C000204") == "0000012C9000"
    select(card, EP)
    assert debit(card, "00000001", begun) == "6985"  # leaving the purse ended its transaction
    assert debit(card, "00000001", begin(card)).endswith("9000")
    select(card, CU)
    assert say(card, "805C000204") == "0000012C9000"
    assert say(card, "805A00090200 0A") == "9406"
    begun = begin(card)
    assert begun[4:6] == bytes((0, 2))
    assert debit(card, "00000002", begun) == "9302"  # the key of the other purse


# --- overdraft -------------------------------------------------------------------------------------------------------


def test_overdraft_is_shown_and_never_used(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    purse = dataclasses.replace(card.plan.purse("EP"), overdraft_limit=200)  # type: ignore[type-var]
    monkeypatch.setattr(card.plan, "purse", lambda directory: purse if directory == "EP" else None)
    assert [say(card, f"805C0{p1}0204")[:8] for p1 in range(5)] == [
        "000002BC",
        "000000C8",
        "00000000",
        "000001F4",
        "000186A0",
    ]
    assert say(card, "805C050210") == "000001F4" + "000186A0" + "00000000" + "000000C8" + "9000"
    assert say(card, f"805001020B01000001F5{TERMINAL}") == "9401"
    assert say(card, f"805001020B01000001F4{TERMINAL}")[12:18] == "0000C8"
