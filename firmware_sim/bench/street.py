"""A bus validator with everything it needs, and twins for it: what the tap benches stand on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from card.domain.clock import SteppedClock, to_ms
from card.domain.entropy import SeededEntropy
from card.domain.scene import Place, TerminalId
from card.readers.reader import Reader
from card.rules.fares import HAIKOU_BUS
from firmware_sim.bench.errors import BenchWrongError
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.factory import Order, TwinFactory, terminal_number
from firmware_sim.card.memory import PurseState
from firmware_sim.psam import memory_psam
from firmware_sim.rack import DirectRack
from keys.centre import FactsSigner, KeyCentre
from keys.facts import FactsHeader, seal_bundle
from keys.hsm_software import SoftwareHsm
from terminal.bus.main import BusValidator
from terminal.clock_guard import ClockGuard
from terminal.config import BusConfig
from terminal.facts import FactsCabinet
from terminal.journal import TerminalJournal
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import VolatileMemory
from terminal.post import Post

SEED = b"onecard bench tree, test only"
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
# Apart enough that no tap is the passback or the same ride of the one before.
BETWEEN_TAPS_S = 301
CARD, PSAM = "bus-card", "bus-psam"
TERMINAL = 1
_PLACE = Place(HAIKOU_BUS.operator, "line-k1", "460100")
_LIST_KEY = bytes(range(32))
# The clock runs five minutes a tap: lists and clock must stay believable through every bench.
_LONG_S = 3_650 * 86_400
_LISTED = 1_000
_BALANCE, _ONLINE_SEQ, _OFFLINE_SEQ = 60_000, 3, 41


def open_centre() -> KeyCentre:
    """The key tree of every bench."""
    return KeyCentre(SoftwareHsm.from_seed(SEED, "test"))


@dataclass(frozen=True)
class Chips:
    """The memories of a personalised card with money on it and of a PSAM of the same key tree."""

    card: Mapping[str, bytes]
    psam: Mapping[str, bytes]

    @classmethod
    def make(cls, centre: KeyCentre) -> "Chips":
        factory = TwinFactory(centre, SeededEntropy(2, "factory"))
        values, _ = factory.card_values(Order(TERMINAL))
        values["purse/EP"] = PurseState(_BALANCE, _ONLINE_SEQ, _OFFLINE_SEQ).pack()
        return cls(values, factory.psam_state(TERMINAL))

    def rack(self) -> DirectRack:
        """Both twins, as they were at first, in a rack of this process; they draw the same random numbers each time."""
        rack = DirectRack(SeededEntropy(4, "rack"))
        rack.insert_chip(CARD, memory_chip(dict(self.card), SeededEntropy(5, "card")))
        rack.insert_chip(PSAM, memory_psam(dict(self.psam), SeededEntropy(6, "psam")))
        return rack


@dataclass(frozen=True)
class Street:
    """Clock and post of one bench; two streets are alike to the byte."""

    clock: SteppedClock
    post: Post

    @classmethod
    def open(cls, centre: KeyCentre) -> "Street":
        clock, memory = SteppedClock(START), VolatileMemory()
        guard = ClockGuard(clock, memory, max_sync_age_s=_LONG_S, max_drift_s=120)
        guard.synced(to_ms(clock.now()))
        signer = FactsSigner(centre.hsm)
        facts = FactsCabinet(memory, signer.public, _LIST_KEY, clock, saw_signed_ms=guard.saw)
        others = SeededEntropy(1, "listed")
        listed = sorted(f"{1 + number % 2:02x}{others.token(8).hex()}02" for number in range(_LISTED))
        entries: dict[str, object] = {"tariff": [HAIKOU_BUS.to_entry()], "hotlist": listed}
        for kind, content in entries.items():
            header = FactsHeader(kind, _PLACE.region, 1, to_ms(clock.now()), _LONG_S, 0)
            facts.take(kind, seal_bundle(signer, header, content))
        post = Post(TerminalId(terminal_number(TERMINAL)), _PLACE, clock, SeededEntropy(3, "terminal"), facts, guard)
        return cls(clock, post)

    def journal(self, path: Path | str = ":memory:") -> SqliteJournal:
        return SqliteJournal(path, terminal_number(TERMINAL).hex(), SeededEntropy(7, "journal"))

    def validator(self, card: Reader, psam: Reader, journal: TerminalJournal) -> BusValidator:
        """A validator that has just been switched on: it remembers no tap."""
        return BusValidator(self.post, BusConfig(), card, psam, journal)

    def tap(self, validator: BusValidator) -> None:
        """One paid tap, and time goes on. BenchWrongError when it was anything else."""
        result = validator.tap()
        if result.screen.code != "S-BUS-PAID":
            raise BenchWrongError(f"a tap showed {result.screen.code}")
        self.clock.advance(BETWEEN_TAPS_S)
