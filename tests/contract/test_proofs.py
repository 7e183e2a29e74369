"""PIN, INTERNAL and EXTERNAL AUTHENTICATION, and chips that must be refused."""

from pathlib import Path

import pytest

from card import commands
from card.errors import (
    AccessDeniedError,
    PinBlockedError,
    PinError,
    PinInitialAgainError,
    PinInitialError,
    UnexpectedSwError,
)
from card.pin import Pin
from card.session import atr_facts
from card.status import send
from firmware_sim.card import variants
from firmware_sim.card.factory import TWIN_PIN, Order
from tests.contract.conftest import Bench

IRK_PSAM_KID, UK_PSAM_KID, RK_DF01_PSAM_KID = 0x11, 0x12, 0x2E
FACTOR, ORIGINAL = b"factor 8", b"original"
INITIAL = Pin("123456")


def test_right_pin_opens_the_household_until_the_next_reset(bench: Bench) -> None:
    channel = bench.card()
    session = bench.ssc(channel)
    session.verify_pin(TWIN_PIN)
    session.select_dir("DF01")
    assert session.read_dir("DF01")["phone"]
    channel.reset()
    session.select()
    session.select_dir("DF01")
    with pytest.raises(AccessDeniedError):
        session.read_dir("DF01")


def test_wrong_pins_are_counted_over_power_cuts_and_block(bench: Bench) -> None:
    for left in (5, 4, 3):
        session = bench.ssc(bench.again())
        with pytest.raises(PinError) as wrong:
            session.verify_pin(Pin("000000"))
        assert wrong.value.tries_left == left
    session = bench.ssc(bench.again())
    session.verify_pin(TWIN_PIN)
    assert session.pin_tries_left() == 6
    for _ in range(5):
        with pytest.raises(PinError):
            session.verify_pin(Pin("000000"))
    with pytest.raises(PinBlockedError):
        session.verify_pin(Pin("000000"))
    session = bench.ssc(bench.again())
    with pytest.raises(PinBlockedError):
        session.verify_pin(TWIN_PIN)
    assert session.pin_tries_left() == 0


def test_initial_pin_is_accepted_but_opens_nothing_until_changed(bench: Bench) -> None:
    bench.replace_card(Order(2, pin=None))
    session = bench.ssc(bench.card())
    session.verify_pin(INITIAL)
    session.select_dir("DF01")
    with pytest.raises(PinInitialError):
        session.read_dir("DF01")
    with pytest.raises(PinInitialAgainError):  # the host sends nothing, and the card would not take it
        session.change_pin(INITIAL, INITIAL)
    assert not send(session.channel, commands.change_pin(INITIAL, INITIAL)).ok
    session.change_pin(INITIAL, Pin("908070"))
    session = bench.ssc(bench.again())
    session.verify_pin(Pin("908070"))
    session.select_dir("DF01")
    assert session.read_dir("DF01")


def test_genuine_chip_proves_itself_through_the_psam(bench: Bench) -> None:
    session, twin = bench.ssc(bench.card()), bench.twin
    expected = bench.psam().authenticate_internal(IRK_PSAM_KID, twin.f_card, twin.f_city, FACTOR, ORIGINAL)
    assert session.internal_authenticate(FACTOR, ORIGINAL) == expected
    assert session.internal_authenticate(b"factor 9", ORIGINAL) != expected


def test_update_needs_the_key_and_the_psam_gives_it(bench: Bench) -> None:
    channel = bench.card()
    session, twin = bench.ssc(channel), bench.twin
    with pytest.raises(AccessDeniedError):
        session.write_record("SSSE", "EF05", "valid_to", "20461231")
    challenge = session.challenge(8)
    cryptogram = bench.psam().authenticate_external(UK_PSAM_KID, twin.f_card, twin.f_city, challenge, ORIGINAL)
    session.external_authenticate("UK_SSSE", cryptogram, ORIGINAL)
    session.write_record("SSSE", "EF05", "valid_to", "20461231")
    assert bench.ssc(bench.again()).read_basic()["valid_to"] == "20461231"


def test_a_challenge_serves_once(bench: Bench) -> None:
    channel = bench.card()
    session, twin = bench.ssc(channel), bench.twin
    challenge = session.challenge(8)
    cryptogram = bench.psam().authenticate_external(UK_PSAM_KID, twin.f_card, twin.f_city, challenge, ORIGINAL)
    session.external_authenticate("UK_SSSE", cryptogram, ORIGINAL)
    answer = send(channel, commands.external_authenticate(0x04, cryptogram, ORIGINAL))
    assert answer.sw == 0x6984


def test_wrong_keys_are_counted_and_the_key_blocks(bench: Bench) -> None:
    seen = []
    for _ in range(4):
        channel = bench.again()
        session = bench.ssc(channel)
        session.challenge(8)
        seen.append(send(channel, commands.external_authenticate(0x04, bytes(8), ORIGINAL)).sw)
    assert seen == [0x63C2, 0x63C1, 0x63C0, 0x6983]


def test_key_rights_end_with_another_directory(bench: Bench) -> None:
    channel = bench.card()
    session, twin = bench.ssc(channel), bench.twin
    session.select_dir("DF01")
    challenge = session.challenge(8)
    cryptogram = bench.psam().authenticate_external(RK_DF01_PSAM_KID, twin.f_card, twin.f_city, challenge, ORIGINAL)
    session.external_authenticate("RK_DF01", cryptogram, ORIGINAL)
    assert session.read_dir("DF01")
    session.select()
    session.select_dir("DF01")
    with pytest.raises(AccessDeniedError):
        session.read_dir("DF01")


def test_forged_chip_with_another_internal_key_is_found_out(bench: Bench) -> None:
    bench.rack.eject(bench.card_slot)
    variants.wrong_internal_key(bench.card_file)
    bench.rack.insert(bench.card_slot, bench.card_file)
    session, twin = bench.ssc(bench.card()), bench.twin
    assert session.read_basic()["card_id"] == twin.card_id
    expected = bench.psam().authenticate_internal(IRK_PSAM_KID, twin.f_card, twin.f_city, FACTOR, ORIGINAL)
    assert session.internal_authenticate(FACTOR, ORIGINAL) != expected


def test_copied_files_do_not_fit_the_other_chips_atr(bench: Bench, tmp_path: Path) -> None:
    other = bench.factory.card(tmp_path / "other.chip", Order(99))
    bench.rack.eject(bench.card_slot)
    variants.copy_files(bench.card_file, tmp_path / "other.chip")
    bench.rack.insert(bench.card_slot, tmp_path / "other.chip")
    channel = bench.card()
    session = bench.ssc(channel)
    card_id = session.read_basic()["card_id"]
    assert card_id == bench.twin.card_id
    facts = atr_facts(channel.atr, session.profile)
    # The chip itself is genuine under its own factor; the data are another card's.
    expected = bench.psam().authenticate_internal(IRK_PSAM_KID, facts.card_factor, other.f_city, FACTOR, ORIGINAL)
    assert session.internal_authenticate(FACTOR, ORIGINAL) == expected
    assert isinstance(card_id, bytes)
    assert card_id[8:12] != facts.tail


def test_chip_that_only_checks_us_cannot_prove_itself(bench: Bench) -> None:
    bench.rack.eject(bench.card_slot)
    variants.external_only(bench.card_file)
    bench.rack.insert(bench.card_slot, bench.card_file)
    session = bench.ssc(bench.card())
    with pytest.raises(UnexpectedSwError) as refused:
        session.internal_authenticate(FACTOR, ORIGINAL)
    assert refused.value.sw == 0x6D00
