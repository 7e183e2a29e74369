"""What every transport and every card must do alike when it is only read."""

import pytest

from card.channel import standard
from card.errors import AccessDeniedError, CardLostError, NoCardError
from card.files.profile import load_profile
from card.readers.reader import Reader
from card.session import SscSession
from tests.contract.conftest import Bench

SELECT_SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


def test_atr_has_the_declared_form(any_card: Reader) -> None:
    channel = any_card.connect()
    profile = load_profile("ssc-2.00")
    assert profile.atr is not None
    assert profile.atr.historical(channel.atr) is not None
    channel.close()


def test_basic_files_read_in_the_open(any_card: Reader) -> None:
    channel = standard(any_card.connect())
    session = SscSession(channel, load_profile("ssc-2.00"))
    session.select()
    values = session.read_basic()
    card_id = values["card_id"]
    assert isinstance(card_id, bytes)
    assert card_id[3:8] == bytes.fromhex("D156000005")
    # card §1.10: in 1.0 and 2.0 cards the serial repeats the tail of the ATR
    assert card_id[8:12] == channel.atr[-4:]
    channel.close()


def test_record_by_number_and_by_tag_are_the_same_bytes(any_card: Reader) -> None:
    channel = standard(any_card.connect())
    assert channel.transmit(SELECT_SSSE)[-2:] == b"\x90\x00"
    by_number = channel.transmit(bytes.fromhex("00B2072C0B"))
    by_tag = channel.transmit(bytes.fromhex("00B207280B"))
    assert by_number == by_tag
    assert by_number[:2] == bytes.fromhex("0709")
    channel.close()


def test_unknown_application_is_not_found(any_card: Reader) -> None:
    channel = any_card.connect()
    assert channel.transmit(bytes.fromhex("00A4040006D15600000577")) == bytes.fromhex("6A82")
    channel.close()


def test_wrong_length_is_answered_with_the_right_one(any_card: Reader) -> None:
    channel = any_card.connect()
    answer = channel.transmit(SELECT_SSSE)
    assert answer[0] == 0x61
    assert channel.transmit(bytes((0x00, 0xC0, 0x00, 0x00, answer[1])))[-2:] == b"\x90\x00"
    assert channel.transmit(bytes.fromhex("00B2072C00")) == bytes.fromhex("6C0B")
    assert len(channel.transmit(bytes.fromhex("00B2072C0B"))) == 13
    channel.close()


def test_twin_holds_what_the_factory_wrote(bench: Bench) -> None:
    values = bench.ssc(bench.card()).read_basic()
    assert values["card_id"] == bench.twin.card_id
    assert values["card_no"] == bench.twin.card_no
    assert values["citizen_no"] == bench.twin.citizen_no


def test_household_is_closed_without_pin_or_key(bench: Bench) -> None:
    session = bench.ssc(bench.card())
    session.select_dir("DF01")
    with pytest.raises(AccessDeniedError):
        session.read_file("DF01", "EF05")


def test_card_pulled_in_the_middle_is_lost_and_an_empty_reader_says_so(bench: Bench) -> None:
    session = bench.ssc(bench.card())
    bench.rack.eject(bench.card_slot)
    with pytest.raises(CardLostError):
        session.read_basic()
    assert not bench.rack.reader(bench.card_slot).card_present()
    with pytest.raises(NoCardError):
        bench.card()


def test_a_channel_does_not_survive_another_insertion(bench: Bench) -> None:
    channel = bench.card()
    bench.rack.eject(bench.card_slot)
    bench.rack.insert(bench.card_slot, bench.card_file)
    with pytest.raises(CardLostError):
        channel.transmit(SELECT_SSSE)
    bench.close(bench.card_slot)
    assert bench.card().transmit(SELECT_SSSE)[-2:] == b"\x90\x00"
