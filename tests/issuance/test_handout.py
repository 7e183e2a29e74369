"""The counter: the right card, proven, with the holder's own PIN."""

import pytest

from card.channel import standard
from card.errors import NotGenuineError, PinError
from card.pin import Pin
from card.session import SscSession
from firmware_sim.card.variants import wrong_internal_key
from issuance.bank_leg import ALREADY, DONE
from issuance.errors import HolderMismatchError, PinTrivialError
from issuance.handout import check_new_pin
from issuance.lifecycle import view
from issuance.personalization.content import CardModel
from tests.issuance.office import PIN, PROFILES, Office, row


@pytest.mark.parametrize("digits", ["123456", "000000", "999999", "234567", "987654", "1234", "24681357"])
def test_easy_pins_are_refused(digits: str) -> None:
    with pytest.raises(PinTrivialError):
        check_new_pin(Pin(digits), CardModel(*PROFILES).pin)


@pytest.mark.parametrize("digits", ["246813", "112233", "123465", "019283"])
def test_other_pins_are_taken(digits: str) -> None:
    check_new_pin(Pin(digits), CardModel(*PROFILES).pin)


def test_after_hand_out_the_pin_opens_the_card(office: Office) -> None:
    card = office.make([row(living_address="海南省海口市示例路7号")])[0]
    office.hand_out(card)
    office.rack.insert("look", card.chip)
    session = SscSession(standard(office.rack.reader("look").connect()), CardModel(*PROFILES).card_profile)
    session.select()
    with pytest.raises(PinError):
        session.verify_pin(Pin("123456"))
    session.verify_pin(Pin(PIN))
    session.select_dir("DF01")
    assert session.read_dir("DF01")["living_address"] == "海南省海口市示例路7号"
    found = view(office.engine, card.card_id)
    assert (found.status, found.stock_status, found.reason) == ("0", "ISSUED", "handed_out")


def test_hand_out_may_be_repeated(office: Office) -> None:
    card = office.make([row()])[0]
    office.rack.insert("counter", card.chip)
    reader = office.rack.reader("counter")
    assert [office.branch.hand_out(card.card_id, reader, PIN).code for _ in range(2)] == [DONE, ALREADY]
    with pytest.raises(PinError):
        office.branch.hand_out(card.card_id, reader, "975310")


def test_hand_outs_in_vain_never_lock_the_card(office: Office) -> None:
    """Somebody else's PIN is on the card: trying costs two of six tries, and the desk leaves the holder the last."""
    card = office.enabled()[0]
    office.rack.insert("counter", card.chip)
    reader = office.rack.reader("counter")
    for _ in range(6):
        with pytest.raises(PinError):
            office.branch.hand_out(card.card_id, reader, "975310")
    session = SscSession(standard(reader.connect()), CardModel(*PROFILES).card_profile)
    session.select()
    assert session.pin_tries_left() == 2
    session.verify_pin(Pin(PIN))


def test_another_card_in_the_reader(office: Office) -> None:
    first, second = office.make([row(), row(sex="2")])
    office.rack.insert("counter", first.chip)
    with pytest.raises(HolderMismatchError):
        office.branch.hand_out(second.card_id, office.rack.reader("counter"), PIN)
    assert view(office.engine, second.card_id).stock_status == "WAIT_PICKUP"


def test_a_chip_that_cannot_prove_itself(office: Office) -> None:
    card = office.make([row()])[0]
    wrong_internal_key(card.chip)
    with pytest.raises(NotGenuineError):
        office.hand_out(card)
    assert view(office.engine, card.card_id).stock_status == "WAIT_PICKUP"


def test_no_pin_in_any_message(office: Office) -> None:
    card = office.make([row()])[0]
    office.rack.insert("counter", card.chip)
    with pytest.raises(PinTrivialError) as bad:
        office.branch.hand_out(card.card_id, office.rack.reader("counter"), "111111")
    assert "111111" not in f"{bad.value!r} {bad.value}"
