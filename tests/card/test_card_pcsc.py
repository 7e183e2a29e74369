"""The PC/SC adapter against the real daemon: presence, exclusive use, reset, pulled cards, a daemon that restarts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.errors import CardLostError, NoCardError, ReaderBusyError, ReaderLostError, ReaderNotFoundError
from card.readers.pcsc import PcscReader, find_reader, list_readers
from card.readers.supervisor import Change, ReaderSupervisor, SlotState
from card.snapshot import read_ssc
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.rack import PcscRack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm

pytestmark = pytest.mark.pcsc
ROOT = Path(__file__).resolve().parents[2]
SLOT = "encoder-7"
SELECT_MF = bytes.fromhex("00A40000023F00")


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pcsc") / "card.chip"
    centre = KeyCentre(SoftwareHsm.from_seed(b"pcsc adapter seed", "test"))
    TwinFactory(centre, SeededEntropy(3)).card(path, Order(3))
    return path


@pytest.fixture
def reader(pcsc_rack: PcscRack) -> PcscReader:
    found = PcscReader(pcsc_rack.name(SLOT))
    assert found.wait(False, 5_000)
    return found


def test_readers_are_listed_and_found_by_part_of_their_name(pcsc_rack: PcscRack) -> None:
    name = pcsc_rack.name(SLOT)
    assert name in list_readers()
    assert find_reader(name) == name
    assert find_reader(name[2:].upper()) == name
    assert find_reader() == list_readers()[0]
    with pytest.raises(ReaderNotFoundError) as missing_reader:
        find_reader("nothing like it")
    assert name in missing_reader.value.found


def test_an_empty_slot_and_a_reader_that_is_not_there(reader: PcscReader) -> None:
    assert not reader.card_present()
    assert not reader.wait(True, 20)
    with pytest.raises(NoCardError):
        reader.connect()
    nowhere = PcscReader("nowhere")
    with pytest.raises(ReaderLostError):
        nowhere.card_present()
    with pytest.raises(ReaderLostError):
        nowhere.connect()


def test_a_card_is_seen_while_waiting_for_it(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    threading.Thread(target=lambda: pcsc_rack.insert(SLOT, chip)).start()
    assert reader.wait(True, 5_000)
    assert reader.card_present()
    threading.Thread(target=lambda: pcsc_rack.eject(SLOT)).start()
    assert reader.wait(False, 5_000)


def test_a_card_is_held_exclusively_until_it_is_let_go(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    pcsc_rack.insert(SLOT, chip)
    channel = reader.connect()
    with pytest.raises(ReaderBusyError):
        PcscReader(reader.name).connect()
    channel.close()
    channel.close()
    again = PcscReader(reader.name).connect()
    assert again.atr == channel.atr
    again.close()


def test_a_warm_reset_takes_the_selection_away(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    pcsc_rack.insert(SLOT, chip)
    channel = standard(reader.connect())
    assert read_ssc(channel).text("version") == "2.00"
    record = bytes.fromhex("00B2032806")
    assert channel.transmit(record)[-2:] == b"\x90\x00"
    assert channel.reset() == channel.atr
    assert channel.transmit(record)[-2:] != b"\x90\x00"
    channel.close()


def test_a_pulled_card_is_lost_and_the_slot_free_at_once(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    pcsc_rack.insert(SLOT, chip)
    pcsc_rack.fault(SLOT, Fault("drop_answer", 0xA4))
    channel = reader.connect()
    with pytest.raises(CardLostError):
        channel.transmit(SELECT_MF)
    with pytest.raises(CardLostError):
        channel.transmit(SELECT_MF)
    assert reader.wait(False, 5_000)
    pcsc_rack.insert(SLOT, chip)
    again = reader.connect()
    assert again.transmit(SELECT_MF)[0] in (0x61, 0x6F, 0x90)
    again.close()


def test_a_card_ejected_between_two_commands(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    pcsc_rack.insert(SLOT, chip)
    channel = reader.connect()
    pcsc_rack.eject(SLOT)
    with pytest.raises(CardLostError):
        channel.transmit(SELECT_MF)
    channel.close()


def test_a_supervised_slot_follows_its_cards(pcsc_rack: PcscRack, reader: PcscReader, chip: Path) -> None:
    changes: list[Change] = []
    supervisor = ReaderSupervisor(lambda: PcscReader(reader.name), changes.append)
    for _ in range(2):
        threading.Thread(target=lambda: pcsc_rack.insert(SLOT, chip)).start()
        channel = supervisor.next_card(5_000)
        assert channel is not None
        channel.close()
        threading.Thread(target=lambda: pcsc_rack.eject(SLOT)).start()
        assert supervisor.wait_removed(5_000)
    # The first state depends on which came first, the card or the look at the slot.
    states = [change.state for change in changes if change.state is not SlotState.EMPTY]
    assert states == [SlotState.CARD, SlotState.CARD]
    assert supervisor.renewals == 0


def test_a_supervised_slot_outlives_its_daemon(pcsc_rack: PcscRack) -> None:
    folder = Path(tempfile.mkdtemp(prefix="oc-restart-", dir="/tmp"))
    environment = {name: value for name, value in os.environ.items() if name != "PCSCLITE_CSOCK_NAME"}
    try:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tests.card.daemon_restart", str(folder)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["answers"] == ["61", "61"]
    assert result["states"][0] == "card"
    assert result["states"][-1] == "card"
    assert "no_daemon" in result["states"]
    assert result["renewals"] >= 1
    assert time.monotonic() - started < 40
