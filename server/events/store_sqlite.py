"""Event intake on SQLite: one writer, a queue before it, one commit for all that waits."""

import asyncio
import queue
import threading
from concurrent.futures import Future
from sqlite3 import Connection

from server.database import Store
from server.events.store import (
    CONFLICT_CODE,
    MONEY_CODE,
    PROJECTED,
    Batch,
    Gap,
    Incoming,
    Receipt,
    Result,
    Verdict,
    again,
    walk,
)

GROUP_EVENTS = 2000
QUEUE_BATCHES = 1000

INSERT = (
    "INSERT INTO events (terminal, epoch, seq, type, outcome, at_ms, received_ms, verdict, code, difference, asn,"
    " offline_seq, hash, raw) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
STORED = "SELECT hash, verdict, code FROM events WHERE terminal = ? AND epoch = ? AND seq = ?"
CLAIM = "INSERT INTO purse_claims (claim, owner) VALUES (?,?) ON CONFLICT DO NOTHING"
CLAIMED = "SELECT owner FROM purse_claims WHERE claim = ?"
REFUSE = (
    "INSERT INTO event_refusals (terminal, epoch, seq, hash, verdict, code, received_ms, raw)"
    " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
ENQUEUE = "INSERT INTO event_queue (terminal, epoch, seq) VALUES (?,?,?) ON CONFLICT DO NOTHING"
THROUGH = "SELECT through FROM event_epochs WHERE terminal = ? AND epoch = ?"
BEHIND = "SELECT seq FROM events WHERE terminal = ? AND epoch = ? AND seq > ? ORDER BY seq"
KEEP_EPOCH = (
    "INSERT INTO event_epochs (terminal, epoch, through, highest) VALUES (?,?,?,?)"
    " ON CONFLICT (terminal, epoch) DO UPDATE SET through = excluded.through, highest = excluded.highest"
)


class SqliteEventStore:
    """Implements `EventStore`. With `threaded` False it writes on the caller's thread: one-threaded worlds."""

    def __init__(self, store: Store, *, threaded: bool = True) -> None:
        self._store = store
        self._waiting: queue.Queue[tuple[Batch, Future[Receipt]] | None] = queue.Queue(QUEUE_BATCHES)
        self._writer = threading.Thread(target=self._write, name="event-writer", daemon=True) if threaded else None
        if self._writer is not None:
            self._writer.start()

    async def add(self, batch: Batch) -> Receipt:
        if self._writer is None:
            return self._commit([batch])[0]
        done: Future[Receipt] = Future()
        self._waiting.put((batch, done))
        return await asyncio.wrap_future(done)

    async def close(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            self._waiting.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._writer.join)

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, ends = self._gather(first)
            try:
                receipts = self._commit([batch for batch, _ in group])
            except Exception as error:  # noqa: BLE001  the thread's outermost loop: the callers get it
                for _, done in group:
                    done.set_exception(error)
            else:
                for (_, done), receipt in zip(group, receipts, strict=True):
                    done.set_result(receipt)
            if ends:
                return

    def _gather(self, first: tuple[Batch, Future[Receipt]]) -> tuple[list[tuple[Batch, Future[Receipt]]], bool]:
        """What waits now, up to the bound; True when the end mark was among it."""
        group, events = [first], len(first[0].events)
        while events < GROUP_EVENTS:
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return group, False
            if item is None:
                return group, True
            group.append(item)
            events += len(item[0].events)
        return group, False

    def _commit(self, group: list[Batch]) -> list[Receipt]:
        with self._store.raw_transaction() as raw:
            return [
                Receipt(tuple(_put(raw, e, batch.received_ms) for e in batch.events), _gaps(raw, batch))
                for batch in group
            ]


def _put(raw: Connection, e: Incoming, received_ms: int) -> Result:
    if e.verdict is Verdict.REJECTED:
        return _refuse(raw, e, received_ms, Result(e.seq, e.verdict, e.code))
    # Looking before inserting is safe here only: BEGIN IMMEDIATE already holds SQLite's one write lock.
    known = raw.execute(STORED, e.key).fetchone()
    if known is None:
        result = _claim(raw, e)
        values = (*e.key, e.type, e.outcome, e.at_ms, received_ms, result.verdict.value, result.code)
        raw.execute(INSERT, (*values, e.difference, e.asn, e.offline_seq, e.hash, e.raw))
        if result.verdict in PROJECTED:
            raw.execute(ENQUEUE, e.key)
        return result
    stored_hash, verdict, code = known
    result = again(e, stored_hash, Result(e.seq, Verdict(verdict), code))
    return _refuse(raw, e, received_ms, result) if result.code == CONFLICT_CODE else result


def _claim(raw: Connection, e: Incoming) -> Result:
    if e.claim and not raw.execute(CLAIM, (e.claim, e.owner)).rowcount:
        owner = raw.execute(CLAIMED, (e.claim,)).fetchone()[0]
        if owner != e.owner:
            return Result(e.seq, Verdict.CONFLICT, MONEY_CODE)
    return Result(e.seq, e.verdict, e.code)


def _refuse(raw: Connection, e: Incoming, received_ms: int, result: Result) -> Result:
    raw.execute(REFUSE, (*e.key, e.hash, result.verdict.value, result.code, received_ms, e.raw))
    return result


def _gaps(raw: Connection, batch: Batch) -> tuple[Gap, ...]:
    key = (batch.terminal, batch.epoch)
    row = raw.execute(THROUGH, key).fetchone()
    seqs = [found for (found,) in raw.execute(BEHIND, (*key, row[0] if row else 0))]
    through, gaps = walk(row[0] if row else 0, seqs)
    if seqs:
        raw.execute(KEEP_EPOCH, (*key, through, seqs[-1]))
    return gaps
