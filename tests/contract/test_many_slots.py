"""Eight cards and four PSAMs at work while other slots are swapped, pulled and dead: nobody waits for anybody."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from card.channel import standard
from card.errors import CardError, CardLostError, NoCardError
from card.files.profile import load_profile
from card.session import SscSession
from firmware_sim.card.factory import Order, Twin, TwinFactory
from firmware_sim.rack import Rack
from keys.psam import PsamSession

CARDS = tuple(f"encoder-{number}" for number in range(8))
PSAMS = ("bus-psam", "hotel-psam", "kiosk-psam", "counter-psam")
SWAPPED, PULLED, DEAD = "bus-card", "hotel-card", "kiosk-card"
IRK = 0x11  # the PSAM's key id of IRK
CHALLENGE = bytes.fromhex("0084000008")
ENOUGH_S = 60.0  # an end to waiting, not a measure
DEAD_MS = 1_500


class Street:
    """Twelve slots with their chips, and one lock a PSAM, which two lanes share."""

    def __init__(self, rack: Rack, factory: TwinFactory, folder: Path) -> None:
        self.rack = rack
        self.twins: dict[str, Twin] = {}
        self.files: dict[str, Path] = {}
        self.rounds: Counter[str] = Counter()
        self.done = threading.Event()
        self.locks = {slot: threading.Lock() for slot in PSAMS}
        for number, slot in enumerate((*CARDS, SWAPPED, "spare", PULLED, DEAD), start=1):
            self.files[slot] = folder / f"{slot}.chip"
            self.twins[slot] = factory.card(self.files[slot], Order(number))
        for number, slot in enumerate(PSAMS, start=1):
            self.files[slot] = folder / f"{slot}.chip"
            factory.psam(self.files[slot], number)
        slots = (*CARDS, *PSAMS, SWAPPED, PULLED, DEAD)
        with ThreadPoolExecutor(len(slots)) as hands:  # all at once
            list(hands.map(lambda slot: rack.insert(slot, self.files[slot]), slots))
        self.channels = {slot: standard(rack.reader(slot).connect()) for slot in PSAMS}
        self.modules = {slot: PsamSession(channel) for slot, channel in self.channels.items()}

    def lane(self, number: int) -> None:
        """Power the card, read it, let it prove itself to the PSAM, let it go; again and again."""
        slot, psam = CARDS[number], PSAMS[number % len(PSAMS)]
        twin, profile = self.twins[slot], load_profile("ssc-2.00")
        while not self.done.is_set():
            channel = standard(self.rack.reader(slot).connect())
            session = SscSession(channel, profile)
            session.select()
            assert session.read_file("SSSE", "EF05")["card_id"] == twin.card_id
            factor, original = twin.card_id[:8], bytes([number]) * 8
            answer = session.internal_authenticate(factor, original)
            with self.locks[psam]:
                wanted = self.modules[psam].authenticate_internal(IRK, twin.f_card, twin.f_city, factor, original)
            assert answer == wanted
            channel.close()
            self.rounds[slot] += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """All lanes run inside the block; whatever went wrong in one of them is raised at its end."""
        with ThreadPoolExecutor(len(CARDS)) as pool:
            lanes = [pool.submit(self.lane, number) for number in range(len(CARDS))]
            try:
                self.until(lambda: all(self.rounds[slot] for slot in CARDS))
                yield
            finally:
                self.done.set()
            for lane in lanes:
                lane.result(timeout=ENOUGH_S)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ENOUGH_S
        while not condition():
            assert time.monotonic() < deadline, dict(self.rounds)
            time.sleep(0.005)

    def everybody_goes_on(self) -> None:
        before = Counter(self.rounds)
        self.until(lambda: all(self.rounds[slot] > before[slot] for slot in CARDS))


def test_twelve_slots_work_while_others_are_swapped_pulled_and_dead(
    rack: Rack, factory: TwinFactory, tmp_path: Path
) -> None:
    street = Street(rack, factory, tmp_path)
    with street.at_work():
        for turn in range(4):  # swapped: the reader always shows the chip that is in
            chip = "spare" if turn % 2 == 0 else SWAPPED
            rack.swap(SWAPPED, street.files[chip])
            channel = rack.reader(SWAPPED).connect()
            assert channel.atr[-8:] == street.twins[chip].f_card
            channel.close()
        street.everybody_goes_on()
        _pulled_in_the_middle(street)
        street.everybody_goes_on()
        _dead(street)
    for channel in street.channels.values():
        channel.close()
    assert min(street.rounds[slot] for slot in CARDS) >= 3


def _pulled_in_the_middle(street: Street) -> None:
    """A card that leaves in the middle of a command is lost for its own reader only, and comes back as itself."""
    channel = street.rack.reader(PULLED).connect()
    assert channel.transmit(CHALLENGE)[-2:] == b"\x90\x00"
    street.rack.lag(PULLED, DEAD_MS)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_lost, lambda: channel.transmit(CHALLENGE))
        time.sleep(0.1)
        street.rack.eject(PULLED)
        assert asked.result(timeout=ENOUGH_S) is CardLostError
    channel.close()
    street.rack.lag(PULLED, 0)
    assert _lost(lambda: street.rack.reader(PULLED).connect()) is NoCardError
    street.rack.insert(PULLED, street.files[PULLED])
    again = street.rack.reader(PULLED).connect()
    assert again.atr[-8:] == street.twins[PULLED].f_card
    again.close()


def _dead(street: Street) -> None:
    """A chip does not answer for a while: meanwhile every lane goes on, its neighbour in the driver too."""
    channel = street.rack.reader(DEAD).connect()
    street.rack.lag(DEAD, DEAD_MS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(channel.transmit, CHALLENGE)
        before = Counter(street.rounds)
        street.until(lambda: all(street.rounds[slot] > before[slot] for slot in CARDS) or waiting.done())
        assert not waiting.done(), "the lanes stood still until the dead chip answered"
        assert waiting.result(timeout=ENOUGH_S)[-2:] == b"\x90\x00"
    street.rack.lag(DEAD, 0)
    channel.close()


def _lost(work: Callable[[], object]) -> type[CardError] | None:
    try:
        work()
    except CardError as lost:
        return type(lost)
    return None
