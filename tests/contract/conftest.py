"""One bench, three transports: chips in this process, behind the real daemon, and (read-only) on metal."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
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

# A card that has just left is seen to leave up to 400 ms later: the next test takes the next slot meanwhile.
CARD_SLOTS = cycle([*(f"encoder-{number}" for number in range(8)), "bus-card", "hotel-card", "kiosk-card"])
PSAM_SLOTS = cycle(["bus-psam", "hotel-psam", "kiosk-psam", "counter-psam"])
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
    card_slot: str
    psam_slot: str
    readers: dict[str, Reader] = field(default_factory=dict)
    open: dict[str, CardChannel] = field(default_factory=dict)

    @property
    def card_file(self) -> Path:
        return self.folder / "card.chip"

    def card(self) -> CardChannel:
        """A new power-on session with the card."""
        return self._connect(self.card_slot)

    def psam(self) -> PsamSession:
        """A new power-on session with the PSAM."""
        return PsamSession(self._connect(self.psam_slot))

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
        self.rack.eject(self.card_slot)
        self.card_file.unlink()
        self.twin = self.factory.card(self.card_file, order)
        self.rack.insert(self.card_slot, self.card_file)
        return self.twin

    def again(self) -> CardChannel:
        """Pull the card (if it is still there), put it back, power it."""
        self.close(self.card_slot)
        self.rack.eject(self.card_slot)
        self.rack.insert(self.card_slot, self.card_file)
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
    card_slot, psam_slot = next(CARD_SLOTS), next(PSAM_SLOTS)
    twin = factory.card(tmp_path / "card.chip", Order(1))
    terminal = factory.psam(tmp_path / "psam.chip", 1)
    with ThreadPoolExecutor(2) as both:  # the reader of each takes its time to look
        for seen in (
            both.submit(rack.insert, card_slot, tmp_path / "card.chip"),
            both.submit(rack.insert, psam_slot, tmp_path / "psam.chip"),
        ):
            seen.result()
    made = Bench(rack, centre, factory, tmp_path, twin, terminal, card_slot, psam_slot)
    yield made
    for slot in (card_slot, psam_slot):
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
    slot = next(CARD_SLOTS)
    factory.card(tmp_path / "any.chip", Order(1))
    rack.insert(slot, tmp_path / "any.chip")
    yield rack.reader(slot)
    if isinstance(rack, DirectRack):
        rack.close()
