"""Event intake on PostgreSQL: COPY of everything that waits into a staging table, one commit, then the answers."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

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
    newest_by_epoch,
    walk,
)

GROUP_EVENTS = 2000
COLUMNS = (
    "terminal",
    "epoch",
    "seq",
    "type",
    "outcome",
    "at_ms",
    "received_ms",
    "verdict",
    "code",
    "difference",
    "asn",
    "offline_seq",
    "hash",
    "raw",
)
NAMES = ", ".join(COLUMNS)
STAGE = (
    "CREATE TEMP TABLE IF NOT EXISTS events_in (LIKE events, ord integer, claim text, owner text) ON COMMIT DELETE ROWS"
)
# One row an id, and only ids not held yet.
FRESH = (
    "SELECT DISTINCT ON (i.terminal, i.epoch, i.seq) i.* FROM events_in i WHERE NOT EXISTS (SELECT 1 FROM events e"
    " WHERE (e.terminal, e.epoch, e.seq) = (i.terminal, i.epoch, i.seq)) ORDER BY i.terminal, i.epoch, i.seq, i.ord"
)
CLAIM = (
    f"INSERT INTO purse_claims (claim, owner) SELECT claim, owner FROM ({FRESH}) f WHERE claim <> '' ORDER BY ord"
    " ON CONFLICT DO NOTHING"
)
INSERT = (
    f"INSERT INTO events ({NAMES}) SELECT f.terminal, f.epoch, f.seq, f.type, f.outcome, f.at_ms, f.received_ms,"
    " CASE WHEN c.owner <> f.owner THEN $1 ELSE f.verdict END, CASE WHEN c.owner <> f.owner THEN $2 ELSE f.code END,"
    f" f.difference, f.asn, f.offline_seq, f.hash, f.raw FROM ({FRESH}) f"
    " LEFT JOIN purse_claims c ON c.claim = f.claim AND f.claim <> '' ON CONFLICT DO NOTHING"
    " RETURNING terminal, epoch, seq, verdict"
)
STORED = (
    "SELECT i.ord, e.hash, e.verdict, e.code FROM events_in i JOIN events e"
    " ON (e.terminal, e.epoch, e.seq) = (i.terminal, i.epoch, i.seq)"
)
REFUSE = (
    "INSERT INTO event_refusals (terminal, epoch, seq, hash, verdict, code, received_ms, raw)"
    " VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT DO NOTHING"
)
ENQUEUE = "INSERT INTO event_queue (terminal, epoch, seq) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING"
OPEN_EPOCH = "INSERT INTO event_epochs (terminal, epoch, through, highest) VALUES ($1,$2,0,0) ON CONFLICT DO NOTHING"
THROUGH = "SELECT through FROM event_epochs WHERE terminal = $1 AND epoch = $2 FOR UPDATE"
BEHIND = "SELECT seq FROM events WHERE terminal = $1 AND epoch = $2 AND seq > $3 ORDER BY seq"
KEEP_EPOCH = "UPDATE event_epochs SET through = $3, highest = greatest(highest, $4) WHERE terminal = $1 AND epoch = $2"


@dataclass(slots=True)
class _Line:
    """A connection and its writer task; both belong to one event loop."""

    loop: asyncio.AbstractEventLoop
    waiting: "asyncio.Queue[tuple[Batch, asyncio.Future[Receipt]] | None]"
    writer: "asyncio.Task[None]"


class PostgresEventStore:
    """Implements `EventStore`. Connects on first use."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._line: _Line | None = None

    async def add(self, batch: Batch) -> Receipt:
        line = self._open()
        done: asyncio.Future[Receipt] = line.loop.create_future()
        await line.waiting.put((batch, done))
        return await done

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None and not line.writer.done() and line.loop is asyncio.get_running_loop():
            await line.waiting.put(None)
            await line.writer

    def _open(self) -> _Line:
        loop = asyncio.get_running_loop()
        if self._line is None or self._line.loop is not loop or self._line.writer.done():
            waiting: asyncio.Queue[tuple[Batch, asyncio.Future[Receipt]] | None] = asyncio.Queue()
            self._line = _Line(loop, waiting, loop.create_task(self._write(waiting)))
        return self._line

    async def _write(self, waiting: "asyncio.Queue[tuple[Batch, asyncio.Future[Receipt]] | None]") -> None:
        connection: Any = None
        while (first := await waiting.get()) is not None:
            group = [first]
            while not waiting.empty() and sum(len(batch.events) for batch, _ in group) < GROUP_EVENTS:
                item = waiting.get_nowait()
                if item is None:
                    waiting.put_nowait(None)
                    break
                group.append(item)
            try:
                if connection is None or connection.is_closed():
                    connection = await asyncpg.connect(self._dsn)
                    await connection.execute(STAGE)
                receipts = await _commit(connection, [batch for batch, _ in group])
            except Exception as error:  # noqa: BLE001  the task's outermost loop: the callers get it
                _answer_error(group, error)
            else:
                for (_, done), receipt in zip(group, receipts, strict=True):
                    if not done.done():
                        done.set_result(receipt)
        if connection is not None:
            await connection.close()


def _answer_error(group: list[tuple[Batch, "asyncio.Future[Receipt]"]], error: Exception) -> None:
    for _, done in group:
        if not done.done():
            done.set_exception(error)


async def _commit(connection: Any, group: list[Batch]) -> list[Receipt]:
    offered = [(event, batch.received_ms) for batch in group for event in batch.events]
    async with connection.transaction():
        results = await _store(connection, offered)
        gaps = {key: await _gaps(connection, *key) for key in newest_by_epoch(group)}
    answers = iter(results)
    return [Receipt(tuple(next(answers) for _ in batch.events), gaps[(batch.terminal, batch.epoch)]) for batch in group]


async def _store(connection: Any, offered: list[tuple[Incoming, int]]) -> list[Result]:
    staged = [(ord_, e, at) for ord_, (e, at) in enumerate(offered) if e.verdict is not Verdict.REJECTED]
    await connection.copy_records_to_table(
        "events_in", records=[_record(*row) for row in staged], columns=(*COLUMNS, "ord", "claim", "owner")
    )
    await connection.execute(CLAIM)
    written = await connection.fetch(INSERT, Verdict.CONFLICT.value, MONEY_CODE)
    new = {(row["terminal"], row["epoch"], row["seq"]) for row in written}
    queued = [row[:3] for row in map(tuple, written) if Verdict(row[3]) in PROJECTED]
    if queued:
        await connection.executemany(ENQUEUE, queued)
    stored = {row["ord"]: row for row in await connection.fetch(STORED)}
    results = []
    for ord_, (event, received_ms) in enumerate(offered):
        result = _judge(event, stored.get(ord_), new)
        if event.verdict is Verdict.REJECTED or result.code == CONFLICT_CODE:
            values = (*event.key, event.hash, result.verdict.value, result.code, received_ms, event.raw)
            await connection.execute(REFUSE, *values)
        results.append(result)
    return results


def _record(ord_: int, e: Incoming, received_ms: int) -> tuple[object, ...]:
    judged = (e.verdict.value, e.code, e.difference, e.asn, e.offline_seq, e.hash, e.raw)
    return (*e.key, e.type, e.outcome, e.at_ms, received_ms, *judged, ord_, e.claim, e.owner)


def _judge(event: Incoming, stored: Any, new: set[tuple[str, str, int]]) -> Result:
    if stored is None:
        return Result(event.seq, event.verdict, event.code)
    held = Result(event.seq, Verdict(stored["verdict"]), stored["code"])
    if event.key in new and stored["hash"] == event.hash:
        new.discard(event.key)
        return held
    return again(event, stored["hash"], held)


async def _gaps(connection: Any, terminal: str, epoch: str) -> tuple[Gap, ...]:
    await connection.execute(OPEN_EPOCH, terminal, epoch)
    through = await connection.fetchval(THROUGH, terminal, epoch)
    seqs = [row["seq"] for row in await connection.fetch(BEHIND, terminal, epoch, through)]
    unbroken, gaps = walk(through, seqs)
    if seqs:
        await connection.execute(KEEP_EPOCH, terminal, epoch, unbroken, seqs[-1])
    return gaps
