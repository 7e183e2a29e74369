"""The terminal's journal beside a bare SQLite file with the same durability."""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from card.domain.event import Outcome, canonical
from firmware_sim.bench.figure import Effort, Figure, per_second, take_pairs
from firmware_sim.bench.street import Chips, Street, open_centre
from firmware_sim.bench.uploads import real_event
from terminal.journal import EventDraft

ENTRIES_A_BLOCK = 5
PENDING = "INSERT INTO pending(raw) VALUES(?)"
EVENT = "INSERT INTO events(raw) VALUES(?)"


def run(effort: Effort) -> Iterator[Figure]:
    """`journal_append`: entries a second, each made durable before the act and resolved after it: two commits.

    The bare side inserts the same bytes twice in two transactions, write-ahead log and full sync, in the same folder.
    """
    centre = open_centre()
    event = real_event(centre, Chips.make(centre))
    draft = EventDraft(**{name: event[name] for name in ("type", "at", "facts", "credential", "decision", "body")})
    raw = canonical(event)
    with tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as folder:
        journal = Street.open(centre).journal(Path(folder) / "journal.db")
        bare = _bare(Path(folder) / "bare.db")

        def enter() -> None:
            journal.resolve(journal.append(draft), Outcome.POSTED, {})

        def ours() -> float:
            return per_second(enter, ENTRIES_A_BLOCK)

        def insert() -> None:
            for statement in (PENDING, EVENT):
                bare.execute("BEGIN IMMEDIATE")
                bare.execute(statement, (raw,))
                bare.execute("COMMIT")

        def baseline() -> float:
            return per_second(insert, ENTRIES_A_BLOCK)

        pairs = take_pairs(ours, baseline, effort.pick(150, 8), effort, limit_s=12)
        journal.close()
        bare.close()
    extra = {"commits_an_entry": 2, "event_bytes": len(raw)}
    yield Figure("journal_append", "entries/s", "two bare SQLite commits", "higher", pairs, extra)


def _bare(path: Path) -> sqlite3.Connection:
    opened = sqlite3.connect(path, isolation_level=None)
    opened.execute("PRAGMA journal_mode=WAL")
    opened.execute("PRAGMA synchronous=FULL")
    for table in ("pending", "events"):
        opened.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, raw BLOB NOT NULL)")
    return opened
