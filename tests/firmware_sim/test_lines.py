"""One chip on three lines: contacts with T=0, contacts with T=1, a field; in this process and behind the daemon."""

from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.errors import NoCardError
from card.readers.reader import Reader
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.rack import DirectRack, PcscRack, Rack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm

SLOT = "kiosk-card"
SSSE, PURSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"), bytes.fromhex("00A4040008A000000632010105")
TRIES, NUMBER, START = bytes.fromhex("00200000"), bytes.fromhex("00B2032C06"), "805003020B0100000000460100000001"


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "dual.chip"
    centre = KeyCentre(SoftwareHsm.from_seed(b"lines under test", "test"))
    TwinFactory(centre, SeededEntropy(3, "lines")).card(path, Order(7, profiles=("ssc-3.00", "tunion")))
    return path


def answers(reader: Reader) -> dict[str, str]:
    """The same raw commands on whatever line this is; 61xx shortened to its first byte."""
    channel = reader.connect()
    try:
        said = {"atr": channel.atr.hex().upper()}
        for name, command in (("select", SSSE), ("tries", TRIES), ("record", NUMBER), ("purse", PURSE)):
            said[name] = channel.transmit(command).hex().upper()
        said["start"] = channel.transmit(bytes.fromhex(START)).hex().upper()
        return said
    finally:
        channel.close()


def check_field(contact: dict[str, str], field: dict[str, str]) -> None:
    assert contact["atr"].startswith("3B6D") and field["atr"].startswith("3B8D8001")
    assert field["atr"][8:-2] == contact["atr"][8:]  # the same historical bytes: the same card
    assert contact["tries"] == "63C6" and field["tries"] == "6985"
    assert contact["record"] == field["record"] == "0304" + b"3.00".hex().upper() + "9000"
    assert field["select"].endswith("9000") and field["start"].endswith("9000")


def on(rack: Rack, chip: Path, interface: str, protocol: str = "") -> dict[str, str]:
    rack.use_line(SLOT, interface, protocol)
    rack.insert(SLOT, chip)
    try:
        return answers(rack.reader(SLOT))
    finally:
        rack.eject(SLOT)
        rack.use_line(SLOT, "contact")


def test_contact_and_field_in_this_process(chip: Path) -> None:
    rack = DirectRack(SeededEntropy(1, "rack"))
    contact, field = on(rack, chip, "contact"), on(rack, chip, "contactless")
    check_field(contact, field)
    assert contact["select"] == "6113" and contact["start"] == "610F"
    block = on(rack, chip, "contact", "T=1")
    assert block["atr"] == contact["atr"] and block["select"] == field["select"] and block["tries"] == "63C6"


@pytest.mark.pcsc
def test_contact_and_field_behind_the_daemon(pcsc_rack: PcscRack, chip: Path) -> None:
    check_field(on(pcsc_rack, chip, "contact"), on(pcsc_rack, chip, "contactless"))


def test_a_card_that_does_not_offer_the_line_is_as_good_as_not_there(tmp_path: Path) -> None:
    centre = KeyCentre(SoftwareHsm.from_seed(b"lines under test", "test"))
    factory = TwinFactory(centre, SeededEntropy(4, "lines"))
    factory.card(tmp_path / "old.chip", Order(8, profiles=("ssc-1.00",)))
    rack = DirectRack(SeededEntropy(1, "rack"))
    rack.use_line(SLOT, "contactless")
    rack.insert(SLOT, tmp_path / "old.chip")
    with pytest.raises(NoCardError):
        rack.reader(SLOT).connect()
    rack.use_line(SLOT, "contact")
    assert rack.reader(SLOT).connect().atr.startswith(b"\x3b")
