"""A sample of `onecard tears` over each transport: power taken at a numbered moment, recovered as in process."""

import json
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from card.pin import Pin
from card.writer import Means
from card.writing import FileRecord
from firmware_sim.bench.street import Street
from firmware_sim.bench.taps import HeldReader
from firmware_sim.card.chip import values_of
from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.card.faults import ANY_INS, Fault
from firmware_sim.card.memory import PIN_VALUE, PurseState
from firmware_sim.card.store import create_file
from firmware_sim.control import RefusedError, ask
from firmware_sim.rack import PcscRack, Rack
from firmware_sim.tears.chips import BALANCE, OFFLINE, PURSE, card_memory, centre, psam_memory
from firmware_sim.tears.cutting import count
from firmware_sim.tears.rides import COMPOUND, FARE, NOT_PAID
from firmware_sim.tears.upkeep import PROFILE, RecordUpdate
from keys.card_crypto import CentreCardCrypto, authorise_with
from terminal.bus.main import BusValidator
from terminal.config import BusConfig
from terminal.counter.upkeep import UpkeepDesk
from tests.contract.conftest import CARD_SLOTS, PSAM_SLOTS


def card_in(rack: Rack, folder: Path) -> tuple[str, Path]:
    """A new twin of the tears' own card in the next free slot."""
    slot, path = next(CARD_SLOTS), folder / "card.chip"
    create_file(path, card_memory()[0])
    rack.insert(slot, path)
    return slot, path


def back(rack: Rack, slot: str, path: Path) -> None:
    """The torn card is put back."""
    rack.disarm(slot)
    rack.eject(slot)
    rack.insert(slot, path)


# First read torn; the purse opened; before and after the debit's write; its answer lost; its answer the last thing.
RIDES = ("first", "opened", "before", "after", "dropped", "answered")


def moment(name: str) -> int:
    """The number of a moment of a ride, found by counting one in process."""
    points = count(COMPOUND)
    debit = [point.number for point in points if point.ins == 0x54]
    opened = next(point.number for point in points if point.ins == 0x50)
    return {"first": 1, "opened": opened, **dict(zip(RIDES[2:], debit, strict=True))}[name]


@pytest.mark.parametrize("name", RIDES)
def test_a_ride_torn_at_a_numbered_moment_is_charged_once(rack: Rack, tmp_path: Path, name: str) -> None:
    slot, path = card_in(rack, tmp_path)
    module, module_file = next(PSAM_SLOTS), tmp_path / "psam.chip"
    create_file(module_file, psam_memory())
    rack.insert(module, module_file)
    street = Street.open(centre())
    journal = street.journal()
    held = HeldReader(rack.reader(module))
    bus = BusValidator(street.post, BusConfig(), rack.reader(slot), held, journal)
    rack.fault(slot, Fault("cut", ANY_INS, moment(name)))
    torn = bus.tap()
    assert torn.screen.code in ("E-CARD-LOST", "D-CARD-MOVED")
    pending = bool(journal.pending())
    back(rack, slot, path)
    street.clock.advance(20)
    shown = bus.tap().screen
    held.let_go()
    rack.eject(slot)
    stood = name in ("after", "dropped", "answered")
    assert shown.code == ("S-BUS-RECOVERED" if stood else "S-BUS-PAID")
    assert any(NOT_PAID in zh for zh, _ in shown.lines) == (pending and not stood)
    purse = PurseState.unpack(values_of(path)[PURSE])
    assert (purse.balance, purse.offline) == (BALANCE - FARE, OFFLINE + 1)
    events = [json.loads(event.raw) for event in journal.unsent(10)]
    assert [event["body"]["outcome"] for event in events].count("posted") == 1
    journal.close()


@pytest.mark.pcsc
def test_the_control_socket_tells_what_a_tap_would_take(pcsc_rack: PcscRack, tmp_path: Path) -> None:
    """The commands of a tap through the daemon, priced for a radio: fewer than over contacts, the debit the longest."""
    slot, _ = card_in(pcsc_rack, tmp_path)
    module, module_file = next(PSAM_SLOTS), tmp_path / "psam.chip"
    create_file(module_file, psam_memory())
    pcsc_rack.insert(module, module_file)
    street = Street.open(centre())
    journal, held = street.journal(), HeldReader(pcsc_rack.reader(module))
    bus = BusValidator(street.post, BusConfig(), pcsc_rack.reader(slot), held, journal)
    assert bus.tap().screen.code == "S-BUS-PAID"
    held.let_go()
    journal.close()
    contact = ask(pcsc_rack.control, {"do": "times", "slot": slot})
    radio = ask(pcsc_rack.control, {"do": "times", "slot": slot, "line": "iso14443-106"})
    assert contact["line"] == "t0" and len(contact["times"]) > len(radio["times"]) == 8
    assert max(radio["times"], key=lambda row: row["total_us"])["ins"] == 0x54
    assert radio["total_us"] == sum(row["total_us"] for row in radio["times"]) < 200_000
    assert radio["radio_bytes"] > 300
    with pytest.raises(RefusedError, match="no line"):
        ask(pcsc_rack.control, {"do": "times", "slot": slot, "line": "string"})


NEW_PIN = Pin("246810")


@pytest.mark.parametrize(
    ("kind", "nth", "word"), [("tear_before_write", 3, "REDONE"), ("tear_after_write", 3, "COMPLETED")]
)
def test_a_torn_pin_change_is_settled(rack: Rack, tmp_path: Path, kind: str, nth: int, word: str) -> None:
    slot, path = card_in(rack, tmp_path)
    record = FileRecord(tmp_path / "open.jsonl")
    desk = UpkeepDesk(rack.reader(slot), load_profile(PROFILE), record, SeededEntropy(5, "desk"))
    rack.fault(slot, Fault(kind, 0x5E, nth))  # type: ignore[arg-type]
    assert desk.change_pin(TWIN_PIN, NEW_PIN).code == "E-CARD-LOST"
    back(rack, slot, path)
    assert desk.settle_pin(TWIN_PIN, NEW_PIN).code == f"S-PIN-{word}"
    rack.eject(slot)
    assert values_of(path)[PIN_VALUE] == NEW_PIN.block()


def test_a_torn_write_of_three_records_is_finished_by_a_terminal_switched_on_anew(rack: Rack, tmp_path: Path) -> None:
    slot, path = card_in(rack, tmp_path)
    twin = card_memory()[1]
    crypto = CentreCardCrypto(centre(), load_profile(PROFILE).crypto, twin.f_city, twin.f_card)
    means = Means(authorise_with(crypto, SeededEntropy(6, "desk")), TWIN_PIN)
    desk = _desk(rack, slot, tmp_path)
    rack.fault(slot, Fault("drop_answer", 0xDC, 2))
    assert desk.write(RecordUpdate.place, RecordUpdate.values, means).code == "E-CARD-HALF-WRITTEN"
    back(rack, slot, path)
    again = _desk(rack, slot, tmp_path)
    shown = again.settle_write(means, RecordUpdate.values)
    assert shown is not None and shown.code == "S-RECORD-REDONE"
    assert again.settle_write(means) is None
    rack.eject(slot)
    values, wanted = values_of(path), RecordUpdate().after()
    assert all(values[name] == value for name, value in wanted.items()) and len(wanted) == 3


def _desk(rack: Rack, slot: str, folder: Path) -> UpkeepDesk:
    """A counter after its power has come back: only the record file tells of before."""
    record = FileRecord(folder / "open.jsonl")
    return UpkeepDesk(rack.reader(slot), load_profile(PROFILE), record, SeededEntropy(7, "desk"))
