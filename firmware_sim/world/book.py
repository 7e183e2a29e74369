"""Everything an auditor would copy out of the server and the journals at one moment, and what follows from it."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from firmware_sim.world.truth import Tap
from firmware_sim.world.world import World
from server.events import repository as events
from server.ledger import repository as ledger_rows
from server.ledger.posting import DEBIT
from server.purse import repository as loads
from server.purse.load import Load
from server.scenic import repository as entries
from terminal.journal_sqlite import history

LOAD_STATES = ("pending", "posted", "voided", "uncertain")


@dataclass(frozen=True, slots=True)
class Paid:
    """One posting."""

    key: str
    debit: str
    credit: str
    fen: int
    event: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """One event as the server holds it."""

    id: str
    raw: bytes
    verdict: str
    code: str
    waiting: bool
    difference: str = ""

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """An entry of a journal that is pending, or uncertain and open. `sequence` -1 for other things than bus taps."""

    station: str
    kind: str
    asn: str
    sequence: int
    pending: bool


@dataclass
class Book:
    """A copy of the books. `journals`: every event ever minted, by id; `verdicts` what its terminal was told."""

    postings: list[Paid] = field(default_factory=list)
    events: dict[str, Held] = field(default_factory=dict)
    loads: list[tuple[str, Load]] = field(default_factory=list)
    doubles: set[str] = field(default_factory=set)
    journals: dict[str, dict[str, Any]] = field(default_factory=dict)
    raws: dict[str, bytes] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    open_taps: set[Tap] = field(default_factory=set)
    cases: list[Case] = field(default_factory=list)

    def of_event(self) -> dict[str, list[Paid]]:
        """Postings by the event they stand for."""
        found: dict[str, list[Paid]] = defaultdict(list)
        for paid in self.postings:
            if paid.event is not None:
                found[paid.event].append(paid)
        return found

    def sums(self) -> dict[str, int]:
        """What every account holds, credits positive."""
        found: dict[str, int] = defaultdict(int)
        for paid in self.postings:
            found[paid.credit] += paid.fen
            found[paid.debit] -= paid.fen
        return found


def read(world: World) -> Book:
    """Copy everything now."""
    book = Book()
    _read_server(world, book)
    _read_journals(world, book)
    return book


def tap_of(body: dict[str, Any], terminal: str) -> Tap:
    """Which tap a bus event or its resolution speaks of."""
    return (str(body["asn"]), int(body["offline_seq"]), terminal, f"{body['card_date']}{body['card_time']}")


def booked(book: Book) -> dict[Tap, int]:
    """What the book has taken from purses for every tap, refunds of voided taps taken off. Free rides count with 0."""
    taken: dict[Tap, int] = {}
    by_event = book.of_event()
    for held in book.events.values():
        data = held.data
        if data["type"] == "bus" and held.id in by_event:
            tap = tap_of(data["body"], data["id"]["terminal"])
            taken[tap] = taken.get(tap, 0) + sum(paid.fen for paid in by_event[held.id])
        if data["type"] == "resolution" and data["body"]["outcome"] == "voided" and held.id in by_event:
            tap = tap_of(data["body"], data["id"]["terminal"])
            taken[tap] = taken.get(tap, 0) - sum(paid.fen for paid in by_event[held.id])
            if taken[tap] == 0:
                del taken[tap]
    return taken


def _read_server(world: World, book: Book) -> None:
    with world.house.context.store.reading() as session:
        halves: dict[str, Any] = {}
        for side in ledger_rows.all_sides(session):
            other = halves.pop(side.key, None)
            if other is None:
                halves[side.key] = side
                continue
            debit, credit = (side, other) if side.side == DEBIT else (other, side)
            book.postings.append(Paid(side.key, debit.account, credit.account, int(debit.fen), debit.event))
        waiting = {str(stored.event.id) for stored in events.take_queued(session, 10_000, ("", "", 0))}
        verdicts = {row["event"]: row for row in events.troubled(session, 10_000)}
        for terminal, epoch, seq, _, raw in events.raw_of(session):
            name = f"{terminal}.{epoch}.{seq}"
            trouble = verdicts.get(name, {})
            verdict, code = str(trouble.get("verdict", "accepted")), str(trouble.get("code", ""))
            book.events[name] = Held(name, raw, verdict, code, name in waiting, str(trouble.get("difference", "")))
        for state in LOAD_STATES:
            book.loads += [(state, load) for load in loads.in_state(session, state)]
        book.doubles = {entry for entry, _ in entries.doubles(session)}


def _read_journals(world: World, book: Book) -> None:
    for station in world.stations.values():
        journal = station.device.journal
        state = journal.state()
        for event in history(journal):
            name = f"{state.terminal}.{state.epoch}.{event.seq}"
            book.journals[name] = json.loads(event.raw)
            book.raws[name] = event.raw
            book.verdicts[name] = event.verdict.value if event.verdict else ""
        for entry in journal.pending() + journal.open_cases():
            kind, body = entry.draft.type, entry.draft.body
            sequence = int(str(body["offline_seq"])) if kind == "bus" else -1
            pending = entry.event is None
            book.cases.append(Case(station.spec.name, kind, str(body.get("asn", "")), sequence, pending))
            if kind == "bus":
                book.open_taps.add(tap_of(body, state.terminal))
