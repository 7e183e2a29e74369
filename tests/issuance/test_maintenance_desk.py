"""Cards in use: no key is used on a chip that has not proven itself, and the first refusal stops the rest."""

import pytest

from card.channel import standard
from card.errors import NotGenuineError, PinBlockedError, PinError
from card.pin import Pin
from card.session import SscSession
from firmware_sim.card import memory
from firmware_sim.card.chip import values_of
from firmware_sim.card.cos import INTERNAL, MASTER, PUK
from firmware_sim.card.store import create_file
from issuance.errors import HolderMismatchError, KeyBudgetError, KeyWrongError, LineStoppedError
from issuance.personalization.batch import MadeCard
from issuance.settings import IssuanceSettings
from tests.issuance.office import APPROVER, BATCH, PIN, Office

DESK = "counter"
NEW = Pin("369258")
HEADER = 8


def put(office: Office, card: MadeCard, *wrong: tuple[str, int, int, int]) -> None:
    """The card in the desk's reader; keys named by (directory, type, id, version) hold another value."""
    values = values_of(card.chip)
    for place in wrong:
        name = memory.key_name(*place)
        values[name] = values[name][:HEADER] + b"another key 16 b"
    path = office.folder / f"{card.card_no}-{len(wrong)}.chip"
    create_file(path, values)
    office.rack.insert(DESK, path)


def tries(office: Office, path_of: MadeCard, wrong: int) -> dict[str, bytes]:
    """What is left of every counter of the chip that lay in the reader; it is taken out."""
    office.rack.eject(DESK)
    values = values_of(office.folder / f"{path_of.card_no}-{wrong}.chip")
    return {name: value for name, value in values.items() if name.startswith("tries/")}


def pin_tries(office: Office) -> int:
    channel = standard(office.rack.reader(DESK).connect())
    session = SscSession(channel, office.branch.model.card_profile)
    session.select()
    left = session.pin_tries_left()
    channel.close()
    return left


def lock_pin(office: Office) -> None:
    channel = standard(office.rack.reader(DESK).connect())
    session = SscSession(channel, office.branch.model.card_profile)
    session.select()
    with pytest.raises(PinBlockedError):
        for _ in range(10):
            with pytest.raises(PinError):
                session.verify_pin(Pin("000111"))
    channel.close()


def test_pin_reload_and_unblock_after_the_chip_has_proven_itself(office: Office) -> None:
    card = office.enabled()[0]
    put(office, card)
    lock_pin(office)
    desk, reader = office.branch.maintenance, office.rack.reader(DESK)
    desk.unblock_pin(reader, card.card_id)
    assert pin_tries(office) == 6
    desk.reload_pin(reader, card.card_id, NEW)
    channel = standard(reader.connect())
    session = SscSession(channel, office.branch.model.card_profile)
    session.select()
    session.verify_pin(NEW)
    channel.close()
    deeds = [event.doing for event in office.branch.key_budget.history(subject=card.card_id) if event.kind == "good"]
    assert deeds == ["personalise", "unblock_pin", "reload_pin"]


@pytest.mark.parametrize(
    "wrong",
    [("SSSE", INTERNAL, 0, 1), ("SSSE", MASTER, 0, 1)],
    ids=["another IRK", "another master key under the same version"],
)
def test_a_chip_that_cannot_prove_itself_loses_no_try(office: Office, wrong: tuple[str, int, int, int]) -> None:
    card = office.enabled()[0]
    put(office, card, wrong)
    before = tries(office, card, 1)
    office.rack.insert(DESK, office.folder / f"{card.card_no}-1.chip")
    for _ in range(5):
        with pytest.raises(NotGenuineError):
            office.branch.maintenance.reload_pin(office.rack.reader(DESK), card.card_id, NEW)
    assert tries(office, card, 1) == before
    kinds = [event.kind for event in office.branch.key_budget.history(subject=card.card_id)]
    assert kinds == ["begun", "good", *["failed"] * 5]


def test_a_proven_chip_that_refuses_our_key_stops_its_delivery(office: Office) -> None:
    """One try of one card is spent, never a second, and no other card of the delivery is touched."""
    first, second = office.enabled(2)
    put(office, first, ("SSSE", PUK, 0, 1))
    desk, reader = office.branch.maintenance, office.rack.reader(DESK)
    with pytest.raises(KeyWrongError):
        desk.reload_pin(reader, first.card_id, NEW)
    assert [(stop.batch, stop.code) for stop in office.branch.key_budget.stops()] == [(BATCH.hex(), "E-KEY-WRONG")]
    spent = tries(office, first, 1)
    put(office, second)
    for card in (first, second):
        with pytest.raises(LineStoppedError):
            office.open_branch().maintenance.unblock_pin(reader, card.card_id)
    office.rack.eject(DESK)
    office.rack.insert(DESK, office.folder / f"{first.card_no}-1.chip")
    with pytest.raises(LineStoppedError):
        desk.reload_pin(reader, first.card_id, NEW)
    assert tries(office, first, 1) == spent
    office.branch.key_budget.lift(BATCH.hex(), APPROVER.person, "PUK of one chip, by the maker's report")
    office.rack.insert(DESK, office.folder / f"{second.card_no}-0.chip")
    desk.reload_pin(reader, second.card_id, NEW)


def test_a_card_is_not_tried_again_and_again(office: Office) -> None:
    office.settings = IssuanceSettings(card_attempts=1)
    office.branch = office.open_branch()
    card = office.enabled()[0]
    put(office, card, ("SSSE", PUK, 0, 1))
    desk, reader = office.branch.maintenance, office.rack.reader(DESK)
    with pytest.raises(KeyWrongError):
        desk.reload_pin(reader, card.card_id, NEW)
    office.branch.key_budget.lift(BATCH.hex(), APPROVER.person, "one chip")
    with pytest.raises(KeyBudgetError):
        desk.reload_pin(reader, card.card_id, NEW)


def test_another_card_is_left_alone(office: Office) -> None:
    first, second = office.enabled(2)
    put(office, first)
    with pytest.raises(HolderMismatchError):
        office.branch.maintenance.block_card(office.rack.reader(DESK), second.card_id)
    assert PIN and pin_tries(office) == 6


def test_block_and_key_replacement_go_the_same_way(office: Office) -> None:
    card = office.enabled()[0]
    put(office, card)
    desk, reader = office.branch.maintenance, office.rack.reader(DESK)
    desk.replace_key(reader, card.card_id, "UK_SSSE", 1)
    desk.block_application(reader, card.card_id, "DF01")
    desk.block_card(reader, card.card_id)
    deeds = [event.doing for event in office.branch.key_budget.history(subject=card.card_id) if event.kind == "good"]
    assert deeds == ["personalise", "replace_key", "block", "block_card"]
