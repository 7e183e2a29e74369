"""A street for terminal tests: chips, rack, clock, facts, journal, all in process; no server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from card.domain.clock import SteppedClock, to_ms
from card.domain.entropy import SeededEntropy
from card.domain.envelope import hotlist_message
from card.domain.scene import Place, TerminalId
from card.files.profile import Profile, load_profile
from card.rules.fares import HAIKOU_BUS
from firmware_sim.card.factory import Order, Twin, TwinFactory, terminal_number
from firmware_sim.card.memory import PurseState
from firmware_sim.card.store import FileStorage, create_file
from firmware_sim.rack import DirectRack
from keys.algorithms.sm3 import hmac_sm3
from keys.centre import FactsSigner, KeyCentre
from keys.facts import FactsHeader, seal_bundle
from keys.hsm_software import SoftwareHsm
from terminal.bus.main import BusValidator
from terminal.clock_guard import ClockGuard
from terminal.config import BusConfig
from terminal.facts import FactsCabinet
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import VolatileMemory
from terminal.post import Post

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PLACE = Place("haikou-bus", "line-k1", "460100")
LIST_KEY = bytes(range(32))
DAY_S = 86_400


@cache
def centre() -> KeyCentre:
    """One key tree for all tests of this folder."""
    return KeyCentre(SoftwareHsm.from_seed(b"terminal tests, not a secret", "test"))


def facts_signer() -> FactsSigner:
    """The facts key of that tree."""
    return FactsSigner(centre().hsm)


def bundle(kind: str, entries: object, *, version: int = 1, base: int = 0, at: datetime = START) -> dict[str, Any]:
    """A sealed bundle valid for a day."""
    header = FactsHeader(kind, "460100", version, to_ms(at), DAY_S, base)
    return seal_bundle(facts_signer(), header, entries)


def list_entry(medium: int, medium_id: bytes, reason: int = 2) -> str:
    """One hotlist entry as its bundle carries it."""
    return (bytes([medium]) + hmac_sm3(LIST_KEY, hotlist_message(medium, medium_id))[:8] + bytes([reason])).hex()


@dataclass
class Street:
    """Everything a terminal under test is handed."""

    clock: SteppedClock
    entropy: SeededEntropy
    rack: DirectRack
    facts: FactsCabinet
    guard: ClockGuard
    memory: VolatileMemory
    folder: Path
    factory: TwinFactory

    @classmethod
    def open(cls, folder: Path, start: datetime = START) -> "Street":
        clock, entropy, memory = SteppedClock(start), SeededEntropy(7), VolatileMemory()
        guard = ClockGuard(clock, memory, max_sync_age_s=7 * DAY_S, max_drift_s=120)
        guard.synced(to_ms(clock.now()))
        facts = FactsCabinet(memory, facts_signer().public, LIST_KEY, clock, saw_signed_ms=guard.saw)
        rack = DirectRack(entropy)
        return cls(clock, entropy, rack, facts, guard, memory, folder, TwinFactory(centre(), entropy))

    def give(self, kind: str, entries: object, **header: Any) -> None:
        """Hand the cabinet a bundle issued now."""
        self.facts.take(kind, bundle(kind, entries, **{"at": self.clock.now(), **header}))

    def bus_facts(self, listed: Iterable[str] = ()) -> None:
        """Tariff and hotlist of a normal day."""
        self.give("tariff", [HAIKOU_BUS.to_entry()])
        self.give("hotlist", sorted(listed))

    def post(self, number: int = 1, place: Place = PLACE) -> Post:
        return Post(TerminalId(terminal_number(number)), place, self.clock, self.entropy, self.facts, self.guard)

    def journal(self, number: int = 1, path: Path | str = ":memory:") -> SqliteJournal:
        return SqliteJournal(path, terminal_number(number).hex(), self.entropy, keep_sent=True)

    def card(
        self, number: int, *, balance: int = 5_000, options: Mapping[str, str] | None = None, **fields: str
    ) -> tuple[Path, Twin]:
        """A personalised card in a file with `balance` fen in its purse."""
        path = self.folder / f"card-{number}.chip"
        values, twin = self.factory.card_values(Order(number, fields=fields, options=options or {}))
        values["purse/EP"] = PurseState(balance, 3, 41).pack()
        create_file(path, values)
        return path, twin

    def psam(self, number: int = 1) -> Path:
        path = self.folder / f"psam-{number}.chip"
        if not path.exists():
            self.factory.psam(path, number)
        return path

    def validator(
        self, journal: SqliteJournal | None = None, dialect: str = "", **config: Any
    ) -> tuple[BusValidator, SqliteJournal]:
        """A bus validator with its PSAM in place."""
        journal = journal or self.journal()
        if not self.rack.reader("bus-psam").card_present():
            self.rack.insert("bus-psam", self.psam())
        bus = BusValidator(
            self.post(),
            BusConfig(**config),
            self.rack.reader("bus-card"),
            self.rack.reader("bus-psam"),
            journal,
            purse_profile=purse_dialect(dialect) if dialect else None,
        )
        return bus, journal


def purse_dialect(prove_sequence: str) -> Profile:
    """The purse profile with another way of counting in 805A; a card needs the same word in its options."""
    tunion = load_profile("tunion")
    if tunion.purse is None:
        raise ValueError("tunion declares a purse")
    return replace(tunion, purse=replace(tunion.purse, prove_sequence=prove_sequence))


def purse_of(path: Path) -> PurseState:
    """Balance and counters of a chip that sits in no reader."""
    storage = FileStorage(path)
    try:
        return PurseState.unpack(storage.load()["purse/EP"])
    finally:
        storage.close()
