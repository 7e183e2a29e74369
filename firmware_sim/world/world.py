"""One world: a town in this process, driven by one seeded loop.

Everything that would run in production is the production code: terminals on their files, the server on its store, the
chips' commands. The world only moves cards, pulls plugs, turns clocks, and looks at the chips from outside.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from card.domain.clock import SteppedClock, to_ms
from card.domain.entropy import SeededEntropy
from firmware_sim.card.factory import TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.police import SimulatedPolice
from firmware_sim.psam import memory_psam
from firmware_sim.rack import DirectRack
from firmware_sim.world.chance import Chance
from firmware_sim.world.errors import ProcessDiedError, demand
from firmware_sim.world.house import House
from firmware_sim.world.keys import centre
from firmware_sim.world.line import Line
from firmware_sim.world.office import Office
from firmware_sim.world.people import Holder, Plastic, settle_in
from firmware_sim.world.street import START, STREET, opened_street
from firmware_sim.world.terminals import LeaningClock, Station
from firmware_sim.world.truth import Moved, Truth
from server.context import Connectors
from terminal.errors import TerminalError
from terminal.post import purse_moment

T = TypeVar("T")

PEOPLE = 12


@dataclass(frozen=True, slots=True)
class Opening:
    """A barrier that really opened: who stood there and for which code."""

    station: str
    replay_key: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Torn:
    """A tap whose card left during the debit. `debited` by the chip's own word; `lean_s` of the bus's clock then."""

    station: str
    at_ms: int
    lean_s: int
    debited: int | None


@dataclass
class World:
    """A town of one seed. `folder` should lie in memory: terminals sync every write to it."""

    seed: int
    folder: Path
    people: int = PEOPLE
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(START))
    truth: Truth = field(default_factory=Truth)
    done: dict[str, int] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)
    torn: dict[str, Torn] = field(default_factory=dict)
    shown: list[bytes] = field(default_factory=list)
    stations: dict[str, Station] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = Chance(self.seed, "world")
        chips = SeededEntropy(self.seed, "chips")
        self.chips = chips
        self.rack = DirectRack(chips)
        self.police = SimulatedPolice(self.clock)
        connectors = Connectors(police=self.police)
        template = opened_street()
        entropy = SeededEntropy(self.seed, "server")
        self.house = House(self.folder, self.clock, entropy, centre(), connectors, template.store)
        self.office = Office(self.house)
        self.holders = [settle_in(number, self.chance, chips) for number in range(1, self.people + 1)]
        for holder in self.holders:
            self.truth.begin(holder.card.asn, holder.card.chip)
        balances = {holder.card.asn: self.truth.balance(holder.card.asn) for holder in self.holders}
        self.office.open_books(self.holders, balances)
        template.unpack(self.folder)
        self._open_street()

    @property
    def now_ms(self) -> int:
        return to_ms(self.clock.now())

    def close(self) -> None:
        """End every process."""
        for station in self.stations.values():
            station.device.close()
        self.house.close()

    def cards(self) -> list[tuple[Holder, Plastic]]:
        """Every card ever made, with its holder."""
        return [(holder, card) for holder in self.holders for card in holder.cards]

    def of_kind(self, kind: str) -> list[Station]:
        """The stations of a kind."""
        return [station for station in self.stations.values() if station.spec.kind == kind]

    def present(self, station: Station, card: Plastic, act: Callable[[], T]) -> tuple[T | None, Moved]:
        """Hold `card` to a station's reader while `act` runs: its result (None: the process died) and what moved."""
        self.rack.insert_chip(station.card_slot, card.chip)
        result: T | None = None
        died = False
        try:
            result = act()
        except ProcessDiedError:
            died = True
        self.rack.eject(station.card_slot)
        self.rack.disarm(station.card_slot)
        if died:
            self.count("process died")
            station.reboot()
        station.power_psam()
        moment = "".join(purse_moment(station.clock.now()))
        return result, self.truth.watch(card.asn, card.chip, station.terminal_no, moment)

    def tear(self, station: Station, fault: Fault) -> None:
        """The next card at this station suffers `fault`."""
        self.rack.fault(station.card_slot, fault)

    def count(self, what: str) -> None:
        """One more of these."""
        self.done[what] = self.done.get(what, 0) + 1

    def sync(self, station: Station) -> bool:
        """One round of a terminal with the server; False when the line or the server refused."""
        try:
            if station.spec.kind == "bus":
                station.bus.sync()
            else:
                station.device.sync.run()
        except TerminalError:
            return False
        return True

    def gate_opened(self, station: Station) -> None:
        """A barrier is about to open: the entry must be durable by now."""
        entries = station.device.journal.pending()
        demand(bool(entries), "written_before_the_act", f"{station.spec.name} opens without a journal entry")
        draft = entries[-1].draft
        key = str(draft.body["replay_key"])
        again = [o for o in self.openings if (o.station, o.replay_key) == (station.spec.name, key)]
        demand(not again, "one_code_one_opening_a_site", f"{station.spec.name} opens twice for {key[:16]}")
        self.openings.append(Opening(station.spec.name, key, draft.at))

    def _open_street(self) -> None:
        factory = TwinFactory(centre(), self.chips)
        for spec in STREET:
            psam = memory_psam(factory.psam_state(spec.psam), self.chips) if spec.psam else None
            entropy = SeededEntropy(self.seed, spec.name)
            station = Station(spec, self.folder / spec.name, LeaningClock(self.clock), entropy, Line(self.house))
            station.furnish(self.rack, psam, self.gate_opened)
            station.boot()
            self.stations[spec.name] = station
