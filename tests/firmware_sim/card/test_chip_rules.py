"""The order of checks, the forms of each command, and that the page of rules says the same."""

import re
from pathlib import Path

import pytest

from firmware_sim.card import memory
from firmware_sim.card.chip import RULES
from firmware_sim.card.cos import Card
from firmware_sim.card.dispatch import InterfaceError
from tests.firmware_sim.chips import EP, KEY, SSSE, finished_values, powered, say, select, signed, whole_values

PAGE = Path(__file__).parents[3] / "docs" / "card-commands.md"
ROW = re.compile(r"^\| [^|]+ \| ([0-9A-F, ]+) \| ([BIP, ]+) \|", re.MULTILINE)
FIRST_BYTES = bytes.fromhex("616263676869 6A6B6C909394")


def page_rows() -> dict[int, set[str]]:
    """CLA || INS -> states, as the table of the page says."""
    said: dict[int, set[str]] = {}
    for heads, states in ROW.findall(PAGE.read_text("utf-8")):
        split = [part.strip() for part in states.split(",")]
        for place, head in enumerate(heads.split(",")):
            said.setdefault(int(head.replace(" ", ""), 16), set()).add(split[min(place, len(split) - 1)])
    return said


def test_the_page_names_every_command_and_its_states() -> None:
    assert page_rows() == {key: {rule.states} for key, rule in RULES.items()}


@pytest.fixture
def card() -> Card:
    return powered(finished_values())


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("01A4000002DDF1", "6E00"),  # class before instruction
        ("01FF0000", "6E00"),
        ("80FF00FF01AA", "6D00"),  # instruction before length and P1 P2
        ("80F000FF01AA", "6985"),  # life cycle before length
        ("00840001FF", "6A86"),  # P1 P2 before Le
        ("0082010407" + "00" * 7, "6700"),  # length before P1 P2
        ("0020010003123456", "6700"),  # a length of another form of P1 P2
        ("8054030002AAAA", "6700"),
        ("805405000B" + "00" * 11, "6A86"),
        ("8054030000", "6700"),
        ("00C0000100", "6A86"),
        ("00C0000001AA", "6700"),
    ],
)
def test_the_first_failing_check_decides(card: Card, command: str, sw: str) -> None:
    assert say(card, command) == sw


@pytest.mark.parametrize("key", sorted(RULES))
def test_no_command_breaks_on_any_length(card: Card, key: int) -> None:
    """Whatever it is given, a command answers a status word."""
    for directory in ("3F00", "DDF1", "DF01", "DF04", "3F01"):
        for p1, p2 in ((0, 0), (1, 0), (0, 4), (3, 0), (0x95, 0), (0x9F, 0x36), (1, 0x81), (0, 0xD0)):
            for size in (0, 1, 2, 4, 8, 11, 12, 15, 16, 17, 20, 32, 36):
                say(card, f"00A4000002{directory}")
                body = bytes((size,)) + bytes(size) if size else b""
                answer = card.process(key.to_bytes(2, "big") + bytes((p1, p2)) + body)
                assert answer[-2] in FIRST_BYTES


def test_block_and_life_cycle_stand_before_length(card: Card) -> None:
    select(card, EP)
    assert signed(card, "841E0000", KEY) == "9000"
    assert say(card, "805C") == "6700"  # the form of the APDU itself comes first of all
    assert say(card, "805C0702 01 AA") == "6985"
    say(card, "00A40000023F00")
    assert signed(card, "84160000", KEY) == "9000"
    assert say(card, "805C0702 01 AA") == "6A81"
    assert say(card, "80FF0000") == "6D00"


# --- protocols -------------------------------------------------------------------------------------------------------


@pytest.fixture
def dual() -> Card:
    return powered(whole_values("ssc-3.00", "tunion"))


def test_t0_makes_the_reader_fetch_and_t1_does_not(dual: Card) -> None:
    command = bytes.fromhex("00A404000F" + SSSE)
    assert dual.process(command).hex() == "6113"
    dual.power_on("contact", "T=1")
    whole = dual.process(command + b"\0")
    assert whole.hex().upper() == f"6F11840F{SSSE}9000"
    assert dual.process(command) == whole
    assert say(dual, "00C0000013") == "6985"


def test_exact_lengths_over_t1(dual: Card) -> None:
    dual.power_on("contact", "T=1")
    select(dual, SSSE)
    assert say(dual, "00B2032C06") == say(dual, "00B2032C00") == say(dual, "00B2032C") == "0304000000009000"
    assert say(dual, "00B2032C05") == "6C06"
    assert say(dual, "00B2032C07") == "6C06"
    dual.power_on()
    select(dual, SSSE)
    assert say(dual, "00B2032C00") == "6C06"


def test_extended_length_where_the_chip_speaks_t1(dual: Card) -> None:
    values = whole_values("ssc-3.00")
    values[memory.LIFECYCLE] = b"\x01"
    card = powered(values)
    card.power_on("contact", "T=1")
    select(card, SSSE)
    card.session.personalising = True
    photo = bytes(range(250)) * 4
    size = len(photo)
    assert card.process(bytes.fromhex("00D68800") + b"\0" + size.to_bytes(2, "big") + photo).hex() == "9000"
    whole = card.process(bytes.fromhex("00B08800000000"))
    assert whole[:size] == photo and whole[-2:].hex() == "9000"
    assert card.process(bytes.fromhex("00B08800000100"))[:-2] == photo[:256]
    assert card.process(bytes.fromhex("00B0880000FFFF")).hex() == "6700"
    assert card.process(bytes.fromhex("00B08800 00"))[:-2] == photo[:256]
    card.power_on("contact", "T=0")
    select(card, SSSE)
    assert card.process(bytes.fromhex("00B08800000000")).hex() == "6700"


def test_a_chip_that_knows_only_t0_refuses_other_lines() -> None:
    card = powered(whole_values("ssc-1.00"))
    for line in (("contact", "T=1"), ("contactless", ""), ("induction", ""), ("contact", "T=CL")):
        with pytest.raises(InterfaceError):
            card.power_on(*line)
    assert select(card, SSSE).endswith("9000")


def test_in_a_field_the_ats_speaks_and_the_profile_refuses(dual: Card) -> None:
    contact = dual.atr
    dual.power_on("contactless")
    assert dual.atr != contact
    assert dual.ats.hex().upper().endswith("8697460100000001")
    check = 0
    for byte in dual.atr[1:]:
        check ^= byte
    assert check == 0 and dual.atr[:4] == bytes((0x3B, 0x8D, 0x80, 0x01)) and dual.atr[4:-1] == dual.ats[5:]
    select(dual, SSSE)
    assert say(dual, "00200000") == "6985"
    assert say(dual, "0020000003123456") == "6985"
    assert say(dual, "805E010007123456FF654321") == "6985"
    assert say(dual, "00B2032C06").endswith("9000")
    # the purse beside it has its own list, which is empty
    select(dual, EP)
    assert say(dual, "805003020B0100000000460100000001").endswith("9000")
    dual.deselect()
    assert say(dual, "805C000204") == "6985"
    dual.power_on()
    assert dual.atr == contact
    select(dual, SSSE)
    assert say(dual, "00200000") == "63C6"
