"""The journal in SQLite: write-ahead log, full sync. One connection, guarded by one lock: two lanes may share it."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from card.domain.entropy import Entropy
from card.domain.event import EventId, Outcome, TapEvent, canonical
from keys.algorithms.sm3 import sm3
from terminal.errors import ClaimTakenError, JournalError, JournalFullError
from terminal.journal import DROPPABLE, EventDraft, JournalState, OpenEntry, StoredEvent, Verdict

EPOCH_BYTES = 8
RESOLUTION = "resolution"
# SM3 of nothing: what the first event of an epoch follows.
GENESIS = ""

SCHEMA = """
CREATE TABLE IF NOT EXISTS identity(
  one INTEGER PRIMARY KEY CHECK(one = 1), terminal TEXT NOT NULL, epoch TEXT NOT NULL,
  last_seq INTEGER NOT NULL, last_chain TEXT NOT NULL, dropped INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries(
  local INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, draft BLOB NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('pending','uncertain')), seq INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS entries_subject ON entries(subject);
CREATE TABLE IF NOT EXISTS claims(claim TEXT PRIMARY KEY, local INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, raw BLOB NOT NULL, chain TEXT NOT NULL,
  verdict TEXT NOT NULL DEFAULT '', code TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS events_waiting ON events(seq) WHERE verdict = '';
"""


class SqliteJournal:
    """Implements `TerminalJournal`. `keep_sent` keeps the bytes of accepted events (audits, demonstrations)."""

    def __init__(self, path: Path | str, terminal: str, entropy: Entropy, *, keep_sent: bool = False) -> None:
        """Open or make the journal of `terminal` (12 hex digits). JournalError when the file belongs to another."""
        self._lock = threading.RLock()
        self._keep_sent = keep_sent
        try:
            self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
            self._identify(terminal, entropy)
        except sqlite3.DatabaseError as bad:
            raise JournalError(f"{path}: {bad}") from bad

    def _identify(self, terminal: str, entropy: Entropy) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO identity VALUES(1, ?, ?, 0, ?, 0)",
                (terminal, entropy.token(EPOCH_BYTES).hex(), GENESIS),
            )
            self.terminal, self.epoch = self._db.execute("SELECT terminal, epoch FROM identity").fetchone()
        if self.terminal != terminal:
            raise JournalError(f"this journal belongs to terminal {self.terminal}")
        self.rows = _Rows(self._db, self.terminal, self.epoch)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as bad:
                raise JournalFullError(str(bad)) from bad

    def append(self, draft: EventDraft) -> int:
        """Durable when this returns. Raises ClaimTakenError, JournalFullError."""
        with self._transaction():
            row = self._db.execute(
                "INSERT INTO entries(subject, draft, state) VALUES(?, ?, 'pending')", (draft.subject, _pack(draft))
            )
            local = int(row.lastrowid or 0)
            self.rows.claim(draft.claim, local)
            return local

    def resolve(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        """Mint the pending row's event. JournalError when it is not pending any more."""
        with self._transaction():
            draft, _ = self.rows.entry(local, "pending")
            event = self.rows.mint(draft.type, draft, {**draft.body, **body, "outcome": outcome.value})
            if outcome is Outcome.UNCERTAIN:
                kept = _pack(_with_body(draft, event.body))
                self._db.execute(
                    "UPDATE entries SET state='uncertain', seq=?, draft=? WHERE local=?", (event.id.seq, kept, local)
                )
            else:
                self._db.execute("DELETE FROM entries WHERE local=?", (local,))
            if outcome is Outcome.VOIDED:
                self._db.execute("DELETE FROM claims WHERE local=?", (local,))
            return event

    def record(self, draft: EventDraft) -> TapEvent:
        """Mint an event that needs no act: outcome `none`."""
        with self._transaction():
            return self.rows.mint(draft.type, draft, {**draft.body, "outcome": "none"})

    def settle(self, local: int, outcome: Outcome, body: dict[str, object]) -> TapEvent:
        """The later proof of an uncertain entry. JournalError when it is not uncertain, or `outcome` still is."""
        if outcome is Outcome.UNCERTAIN:
            raise JournalError("a proof cannot say uncertain")
        with self._transaction():
            draft, seq = self.rows.entry(local, "uncertain")
            first = {"terminal": self.terminal, "epoch": self.epoch, "seq": seq}
            merged = {**draft.body, **body, "outcome": outcome.value, "of": first}
            event = self.rows.mint(RESOLUTION, draft, merged)
            self._db.execute("DELETE FROM entries WHERE local=?", (local,))
            return event

    def pending(self, subject: str | None = None) -> list[OpenEntry]:
        """Appended, not resolved; oldest first."""
        with self._lock:
            return self.rows.open("pending", subject)

    def open_cases(self, subject: str | None = None) -> list[OpenEntry]:
        """Resolved as uncertain, not settled; oldest first."""
        with self._lock:
            return self.rows.open("uncertain", subject)

    def claimed(self, claim: str) -> bool:
        """Whether `claim` is used up here."""
        with self._lock:
            return self._db.execute("SELECT 1 FROM claims WHERE claim=?", (claim,)).fetchone() is not None

    def unsent(self, limit: int) -> list[StoredEvent]:
        """Events without a verdict, by sequence."""
        with self._lock:
            return self.rows.events("verdict = '' ORDER BY seq LIMIT ?", (limit,))

    def mark(self, seq: int, verdict: Verdict, code: str = "") -> None:
        """Keep the verdict of event `seq`; bytes the server holds are dropped unless `keep_sent`."""
        with self._transaction():
            if verdict in DROPPABLE and not self._keep_sent:
                gone = self._db.execute("DELETE FROM events WHERE seq=?", (seq,)).rowcount
                self._db.execute("UPDATE identity SET dropped = dropped + ?", (gone,))
            else:
                self._db.execute("UPDATE events SET verdict=?, code=? WHERE seq=?", (verdict.value, code, seq))

    def kept(self) -> list[StoredEvent]:
        """Conflicts, suspects and rejections: never resent, never dropped, shown until a person has looked."""
        with self._lock:
            return self.rows.events("verdict NOT IN ('', 'accepted', 'duplicate') ORDER BY seq", ())

    def state(self) -> JournalState:
        """Counts of now."""
        with self._lock:
            last, dropped = self._db.execute("SELECT last_seq, dropped FROM identity").fetchone()
            unsent, oldest = self._db.execute(
                "SELECT count(*), coalesce(min(at), 0) FROM events WHERE verdict = ''"
            ).fetchone()
            kept = self._db.execute(
                "SELECT count(*) FROM events WHERE verdict NOT IN ('', 'accepted', 'duplicate')"
            ).fetchone()[0]
            pending = self._db.execute("SELECT count(*) FROM entries WHERE state='pending'").fetchone()[0]
        return JournalState(self.terminal, self.epoch, last, unsent, oldest, kept, pending, dropped)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def history(journal: SqliteJournal) -> list[StoredEvent]:
    """Every event whose bytes are still here, by sequence: for auditors and for `keep_sent` journals."""
    return journal.rows.events("1 ORDER BY seq", ())


class _Rows:
    """Statements inside a transaction of the journal."""

    def __init__(self, db: sqlite3.Connection, terminal: str, epoch: str) -> None:
        self._db = db
        self._terminal = terminal
        self._epoch = epoch

    def mint(self, kind: str, draft: EventDraft, body: dict[str, Any]) -> TapEvent:
        """Next sequence, chain, canonical bytes: one row more in `events`."""
        seq, prev = self._db.execute("SELECT last_seq + 1, last_chain FROM identity").fetchone()
        identity = EventId(self._terminal, self._epoch, seq)
        event = TapEvent(kind, identity, draft.at, draft.facts, draft.credential, draft.decision, body, prev)
        raw = event.to_bytes()
        chain = sm3(raw).hex()
        self._db.execute("INSERT INTO events(seq, at, raw, chain) VALUES(?, ?, ?, ?)", (seq, draft.at, raw, chain))
        self._db.execute("UPDATE identity SET last_seq=?, last_chain=?", (seq, chain))
        return event

    def claim(self, claim: str, local: int) -> None:
        """Use up `claim`; ClaimTakenError when another entry did."""
        if not claim:
            return
        try:
            self._db.execute("INSERT INTO claims VALUES(?, ?)", (claim, local))
        except sqlite3.IntegrityError:
            raise ClaimTakenError(claim[:16]) from None

    def entry(self, local: int, state: str) -> tuple[EventDraft, int]:
        """Draft and event sequence of an entry in `state`; JournalError when it is not."""
        row = self._db.execute("SELECT draft, seq FROM entries WHERE local=? AND state=?", (local, state)).fetchone()
        if row is None:
            raise JournalError(f"entry {local} is not {state}")
        return _unpack(row[0]), int(row[1])

    def open(self, state: str, subject: str | None) -> list[OpenEntry]:
        """Entries in `state`, oldest first."""
        rows = self._db.execute(
            "SELECT local, draft, seq FROM entries WHERE state=? AND (? IS NULL OR subject=?) ORDER BY local",
            (state, subject, subject),
        ).fetchall()
        return [
            OpenEntry(local, _unpack(raw), EventId(self._terminal, self._epoch, seq) if seq else None)
            for local, raw, seq in rows
        ]

    def events(self, where: str, values: tuple[object, ...]) -> list[StoredEvent]:
        """Stored events that meet the fixed condition `where`."""
        rows = self._db.execute(
            f"SELECT seq, raw, chain, at, verdict, code FROM events WHERE {where}", values
        ).fetchall()
        return [
            StoredEvent(seq, bytes(raw), chain, at, Verdict(verdict) if verdict else None, code)
            for seq, raw, chain, at, verdict, code in rows
        ]


_FIELDS = ("type", "at", "facts", "credential", "decision", "body", "subject", "claim")


def _pack(draft: EventDraft) -> bytes:
    return canonical({name: getattr(draft, name) for name in _FIELDS})


def _unpack(raw: bytes) -> EventDraft:
    return EventDraft(**json.loads(raw))


def _with_body(draft: EventDraft, body: dict[str, object]) -> EventDraft:
    return EventDraft(**{**{name: getattr(draft, name) for name in _FIELDS}, "body": body})
