"""One bench, three transports: chips in this process, behind the real daemon, and (read-only) on metal."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from card.channel import CardChannel, standard
from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from card.purse import PurseSession
from card.readers.pcsc import PcscReader, find_reader
from card.readers.reader import Reader
from card.session import SscSession
from firmware_sim.card.factory import Order, Twin, TwinFactory
from firmware_sim.rack import DirectRack, PcscRack, Rack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from keys.psam import PsamSession

CARD, PSAM = "bus-card", "bus-psam"
TRANSPORTS = [pytest.param("direct"), pytest.param("pcsc", marks=pytest.mark.pcsc)]


@pytest.fixture(scope="session")
def centre() -> KeyCentre:
    return KeyCentre(SoftwareHsm.from_seed(b"contract suite seed 1", "test"))


@pytest.fixture
def factory(centre: KeyCentre) -> TwinFactory:
    return TwinFactory(centre, SeededEntropy(7, "factory"))


@dataclass
class Bench:
    """A rack with one card and one PSAM of one key tree."""

    rack: Rack
    centre: KeyCentre
    factory: TwinFactory
    folder: Path
    twin: Twin
    terminal: bytes
    readers: dict[str, Reader] = field(default_factory=dict)
    open: dict[str, CardChannel] = field(default_factory=dict)

    @property
    def card_file(self) -> Path:
        return self.folder / "card.chip"

    def card(self) -> CardChannel:
        """A new power-on session with the card."""
        return self._connect(CARD)

    def psam(self) -> PsamSession:
        """A new power-on session with the PSAM."""
        return PsamSession(self._connect(PSAM))

    def _connect(self, slot: str) -> CardChannel:
        """A reader holds its card exclusively, lost or not, until the channel is closed."""
        self.close(slot)
        reader = self.readers.setdefault(slot, self.rack.reader(slot))
        self.open[slot] = standard(reader.connect())
        return self.open[slot]

    def close(self, slot: str) -> None:
        """Let go of the card in `slot`, there or lost."""
        if slot in self.open:
            self.open.pop(slot).close()

    def ssc(self, channel: CardChannel) -> SscSession:
        session = SscSession(channel, load_profile("ssc-2.00"))
        session.select()
        return session

    def purse(self, channel: CardChannel) -> PurseSession:
        session = PurseSession(channel, load_profile("tunion"))
        session.select()
        return session

    def replace_card(self, order: Order) -> Twin:
        """Another card in the same slot."""
        self.rack.eject(CARD)
        self.card_file.unlink()
        self.twin = self.factory.card(self.card_file, order)
        self.rack.insert(CARD, self.card_file)
        return self.twin

    def again(self) -> CardChannel:
        """Pull the card (if it is still there), put it back, power it."""
        self.close(CARD)
        self.rack.eject(CARD)
        self.rack.insert(CARD, self.card_file)
        return self.card()


@pytest.fixture(params=TRANSPORTS)
def rack(request: pytest.FixtureRequest) -> Iterator[Rack]:
    if request.param == "pcsc":
        wanted: PcscRack = request.getfixturevalue("pcsc_rack")
        yield wanted
        return
    direct = DirectRack(SeededEntropy(11, "chips"))
    yield direct
    direct.close()


@pytest.fixture
def bench(rack: Rack, centre: KeyCentre, factory: TwinFactory, tmp_path: Path) -> Iterator[Bench]:
    twin = factory.card(tmp_path / "card.chip", Order(1))
    terminal = factory.psam(tmp_path / "psam.chip", 1)
    rack.insert(CARD, tmp_path / "card.chip")
    rack.insert(PSAM, tmp_path / "psam.chip")
    made = Bench(rack, centre, factory, tmp_path, twin, terminal)
    yield made
    for slot in (CARD, PSAM):
        made.close(slot)


@pytest.fixture(params=[*TRANSPORTS, "metal"])
def any_card(request: pytest.FixtureRequest, factory: TwinFactory, tmp_path: Path) -> Iterator[Reader]:
    """A reader with a personalised card in it, for tests that change nothing on the card."""
    if request.param == "metal":
        name = request.config.getoption("--reader")
        if not name:
            pytest.skip("no --reader given: nothing on metal to look at")
        yield PcscReader(find_reader(name))
        return
    rack: Rack = request.getfixturevalue("pcsc_rack") if request.param == "pcsc" else DirectRack(SeededEntropy(3))
    factory.card(tmp_path / "any.chip", Order(1))
    rack.insert(CARD, tmp_path / "any.chip")
    yield rack.reader(CARD)
    rack.eject(CARD)
