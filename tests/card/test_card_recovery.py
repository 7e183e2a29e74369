"""What recovery does when the card does not simply show old or new: it says so, and tries nothing more."""

from pathlib import Path

import pytest

from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.errors import CardDataError, CardError, HalfWrittenError
from card.files.kinds import TransparentEf
from card.files.profile import load_profile
from card.maintenance import Maintenance
from card.pin import Pin
from card.recovery import CODES, settle_key, settle_master_key, settle_pin, settle_records
from card.session import SscSession
from card.texts import LANGUAGES, text
from card.writer import Means, write_place
from card.writing import FileRecord, OpenWrite, PlannedStep, WritePlan
from firmware_sim.card import memory
from firmware_sim.card.factory import TWIN_PIN, Order, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.tears.chips import TornSlot, card_memory, centre
from firmware_sim.tears.upkeep import PROFILE, KeptInMemory, KeyChange, OpenRecordUpdate, Ring
from keys.card_crypto import CentreCardCrypto, authorise_with
from keys.hsm import SecretKey

NEW = Pin("246810")
PLACE, VALUES = OpenRecordUpdate.place, OpenRecordUpdate.values


def session_with(torn: TornSlot) -> SscSession:
    session = SscSession(standard(torn.reader.connect()), load_profile(PROFILE))
    session.select()
    return session


def means() -> Means:
    twin = card_memory()[1]
    crypto = CentreCardCrypto(centre(), load_profile(PROFILE).crypto, twin.f_city, twin.f_card)
    return Means(authorise_with(crypto, SeededEntropy(1, "means")))


@pytest.fixture
def torn() -> TornSlot:
    return TornSlot("card", card_memory()[0])


def test_every_finding_has_a_sentence_in_both_languages() -> None:
    for code in CODES.values():
        assert all(text(code, language).message for language in LANGUAGES)


# ---- PIN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1])
def test_the_last_try_is_never_spent_on_a_guess(torn: TornSlot, left: int) -> None:
    torn.chip.nv.commit({memory.PIN_TRIES: bytes((left,))})
    found = settle_pin(session_with(torn), TWIN_PIN, NEW)
    assert (found.ended, found.code, found.settled) == ("unknown", "W-PIN-UNKNOWN", False)
    assert torn.values[memory.PIN_TRIES] == bytes((left,))


def test_two_wrong_pins_are_told_and_cost_two_tries(torn: TornSlot) -> None:
    found = settle_pin(session_with(torn), Pin("111111"), Pin("222222"))
    assert found.ended == "unknown" and "4 tries left" in found.evidence
    assert torn.values[memory.PIN_TRIES] == b"\x04" and torn.values[memory.PIN_VALUE] == TWIN_PIN.block()


def test_a_changed_pin_is_proven_and_its_tries_are_full(torn: TornSlot) -> None:
    session_with(torn).change_pin(TWIN_PIN, NEW)
    assert settle_pin(session_with(torn), TWIN_PIN, NEW).ended == "completed"
    assert torn.values[memory.PIN_TRIES] == b"\x06"


# ---- records --------------------------------------------------------------------------------------------------------


def half_written(torn: TornSlot, record: KeptInMemory | FileRecord, nth: int = 2) -> None:
    """Two records meant, the power taken before the write of the `nth`."""
    torn.slot.arm(Fault("tear_before_write", 0xDC, nth))
    given = means()
    with pytest.raises(CardError):
        write_place(session_with(torn), PLACE, VALUES, Means(given.authorise, record=record))
    torn.again()


def test_nothing_open_is_nothing_to_settle(torn: TornSlot) -> None:
    assert settle_records(session_with(torn), KeptInMemory(), means()) is None


def test_half_without_its_values_stays_open_and_is_finished_with_them(torn: TornSlot) -> None:
    record = KeptInMemory()
    half_written(torn, record)
    found = settle_records(session_with(torn), record, means())
    assert found is not None and (found.ended, found.code) == ("half", "W-RECORD-HALF")
    assert record.unfinished() is not None
    found = settle_records(session_with(torn), record, means(), VALUES)
    assert found is not None and found.ended == "redone" and record.unfinished() is None
    assert torn.values["ef/SSSE/EF06/05"].endswith(b"\x19")


def test_a_card_written_elsewhere_meanwhile_is_left_alone(torn: TornSlot) -> None:
    record = KeptInMemory()
    half_written(torn, record)
    write_place(session_with(torn), "SSSE/EF06/nation", "05", means())
    found = settle_records(session_with(torn), record, means(), VALUES)
    assert found is not None and (found.ended, found.code) == ("superseded", "W-RECORD-SUPERSEDED")
    assert torn.values["ef/SSSE/EF06/05"].endswith(b"\x05") and record.unfinished() is None


def test_another_card_is_not_touched(torn: TornSlot) -> None:
    record = KeptInMemory()
    half_written(torn, record)
    other = TornSlot("other", card_memory(2)[0])
    with pytest.raises(CardDataError):
        settle_records(session_with(other), record, means(), VALUES)
    assert record.unfinished() is not None


def test_the_file_tells_a_terminal_switched_on_anew(torn: TornSlot, tmp_path: Path) -> None:
    path = tmp_path / "open.jsonl"
    half_written(torn, FileRecord(path), nth=1)
    found = settle_records(session_with(torn), FileRecord(path), means(), VALUES)
    assert found is not None and found.ended == "undone" and not path.exists()


def test_a_plan_cut_off_while_it_was_written_down_blocks_nothing(torn: TornSlot, tmp_path: Path) -> None:
    """The machine died before the first line was whole: no command was sent, and the next write goes through."""
    path = tmp_path / "open.jsonl"
    half_written(torn, FileRecord(path))
    head = path.read_bytes().split(b"\n")[0]
    for cut in (0, 1, len(head) // 2, len(head) - 1):
        path.write_bytes(head[:cut])
        assert FileRecord(path).unfinished() is None
        given = means()
        write_place(session_with(torn), PLACE, VALUES, Means(given.authorise, record=FileRecord(path)))
        assert not path.exists()


def test_a_record_nobody_could_read_before_counts_as_old(torn: TornSlot) -> None:
    """Unless a command was under way to it: then it may be torn, and is written again."""
    session = session_with(torn)
    steps = (PlannedStep("SSSE/EF06/0B", 5, "", "00" * 32), PlannedStep("SSSE/EF06/0C", 6, "", "11" * 32))
    record = KeptInMemory()
    record.open = OpenWrite(WritePlan(session.channel.atr.hex(), PLACE, steps), (), None)
    found = settle_records(session, record, means())
    assert found is not None and found.ended == "undone"
    record.open = OpenWrite(WritePlan(session.channel.atr.hex(), PLACE, steps), (), 1)
    found = settle_records(session, record, means())
    assert found is not None and found.ended == "half"


def test_a_long_file_is_settled_piece_by_piece() -> None:
    """A transparent file is written in pieces; the answer to one in the middle is lost."""
    order = Order(9, profiles=("ssc-2.00", "tunion"))
    values, twin = TwinFactory(centre(), SeededEntropy(3, "factory")).card_values(order)
    torn = TornSlot("whole", values)
    crypto = CentreCardCrypto(centre(), load_profile(PROFILE).crypto, twin.f_city, twin.f_card)
    given = Means(authorise_with(crypto, SeededEntropy(4, "means")))
    ef = load_profile(PROFILE).file("SSSE", "EF08")
    assert isinstance(ef, TransparentEf)
    photo = bytes(range(256)) * (ef.fields[0].length // 256)
    record = KeptInMemory()
    torn.slot.arm(Fault("drop_answer", 0xD6, 3))
    with pytest.raises(HalfWrittenError):
        write_place(session_with(torn), ef.path, {ef.fields[0].name: photo}, Means(given.authorise, record=record))
    torn.again()
    found = settle_records(session_with(torn), record, given, {ef.fields[0].name: photo})
    assert found is not None and found.ended == "redone" and "3 of 37 records new" in found.evidence
    assert torn.values["ef/SSSE/EF08"] == photo


# ---- keys -----------------------------------------------------------------------------------------------------------


def ring(value: bytes, name: str) -> Ring:
    twin = card_memory()[1]
    old = centre().card_keys(twin.f_city, twin.f_card)
    return Ring(old, {**old, name: SecretKey(value, label=name)}, load_profile(PROFILE).crypto)


def test_a_chip_with_neither_key_is_sent_none(torn: TornSlot) -> None:
    name = memory.key_name("DF01", 0, 0, 1)
    torn.chip.nv.commit({name: torn.values[name][:8] + bytes(range(16))})
    torn.again()
    session = session_with(torn)
    session.select_dir("DF01")
    sent: list[str] = []
    deed = Maintenance(session, ring(bytes(16), "MK.DF01"))
    found = settle_master_key(deed, bytes(8), 2, lambda: sent.append("key"))
    assert (found.ended, found.code, sent) == ("unknown", "W-KEY-UNKNOWN", [])


def test_a_version_that_answers_wrongly_costs_one_try_and_no_more(torn: TornSlot) -> None:
    key = load_profile(PROFILE).key(KeyChange.name)
    name = memory.key_name("DF01", key.type or 0, key.card_kid or 0, 2)
    header = bytes((key.type or 0, key.card_kid or 0, 2, 0, 3, 0, 0, 16))
    torn.chip.nv.commit({name: header + bytes(range(16))})
    torn.again()
    session = session_with(torn)
    session.select_dir("DF01")
    proof = authorise_with(ring(KeyChange.value, KeyChange.name), SeededEntropy(2, "proof"), 2)
    sent: list[str] = []
    found = settle_key(lambda: session.prove_key(key.name, proof, 2), lambda: sent.append("key"))
    assert (found.ended, sent) == ("unknown", [])
    assert torn.values[memory.tries_name("DF01", key.type or 0, key.card_kid or 0)] == b"\x02"
