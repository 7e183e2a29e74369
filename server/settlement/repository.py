"""Queries of settlement: uncleared postings, events as the journals sent them, what was found to differ."""

from dataclasses import dataclass

from sqlalchemy import func, select

from server.benefit.rows import LineMoveRow, LineRow
from server.benefit.states import LineState
from server.database import Session
from server.devices.rows import DeviceRow
from server.events.rows import EventRow
from server.ledger.rows import PostingRow
from server.settlement.rows import ClearedRow, ClearingRow, DifferenceRow

PREFIX = "operator:"
PAYOUT = "clearing:"
# Events that debit a purse in favour of an operator: a tap, or the later proof of an uncertain one.
MONEY_EVENTS = ("bus", "resolution")


@dataclass(frozen=True, slots=True)
class Owed:
    """One uncleared row of an operator's account: `fen` positive is owed to it."""

    key: str
    operator: str
    event: str
    fen: int


@dataclass(frozen=True, slots=True)
class JournalEvent:
    """One event as its terminal sent it, with the operator of that terminal."""

    event: str
    operator: str
    type: str
    outcome: str
    verdict: str
    at_ms: int
    raw: bytes


def uncleared(session: Session, day: str) -> list[Owed]:
    """Rows on operators' accounts booked up to business day `day` (YYYY-MM-DD) that no run has taken."""
    query = (
        select(PostingRow.key, PostingRow.account, PostingRow.event, PostingRow.fen)
        .outerjoin(ClearedRow, ClearedRow.posting_key == PostingRow.key)
        .where(PostingRow.account.startswith(PREFIX), PostingRow.day <= day, ClearedRow.posting_key.is_(None))
        .where(~PostingRow.key.startswith(PAYOUT))
        .order_by(PostingRow.day, PostingRow.position)
    )
    rows = session.execute(query)
    return [Owed(key, account.removeprefix(PREFIX), event or "", -fen) for key, account, event, fen in rows]


def next_run(session: Session, operator: str, day: str) -> int:
    """Number of the next run of an operator and day, from 1."""
    query = select(func.coalesce(func.max(ClearingRow.run), 0))
    query = query.where(ClearingRow.operator == operator, ClearingRow.day == day)
    return int(session.scalar(query) or 0) + 1


def runs(session: Session, day: str = "") -> list[ClearingRow]:
    """Runs of a day, or all, by operator."""
    query = select(ClearingRow).order_by(ClearingRow.day, ClearingRow.operator, ClearingRow.run)
    return list(session.scalars(query.where(ClearingRow.day == day) if day else query))


def items(session: Session, day: str) -> list[ClearedRow]:
    return list(session.scalars(select(ClearedRow).where(ClearedRow.day == day).order_by(ClearedRow.posting_key)))


def every_item(session: Session) -> list[tuple[ClearedRow, int | None]]:
    """All cleared items, each with what its posting owes the operator (fen); None when that is gone."""
    here = (PostingRow.key == ClearedRow.posting_key) & (PostingRow.account == PREFIX + ClearedRow.operator)
    query = select(ClearedRow, PostingRow.fen).outerjoin(PostingRow, here).order_by(ClearedRow.posting_key)
    return [(row, None if fen is None else -int(fen)) for row, fen in session.execute(query)]


def add(session: Session, rows: list[object]) -> None:
    session.add_all(rows)
    session.flush()


def journal_events(session: Session, until_ms: int) -> list[JournalEvent]:
    """Every debited event received before `until_ms`, with its terminal's operator."""
    query = (
        select(EventRow, DeviceRow.operator)
        .join(DeviceRow, DeviceRow.terminal_no == EventRow.terminal)
        .where(EventRow.received_ms < until_ms, EventRow.outcome == "posted", EventRow.type.in_(MONEY_EVENTS))
        .order_by(EventRow.terminal, EventRow.epoch, EventRow.seq)
    )
    return [
        JournalEvent(
            f"{row.terminal}.{row.epoch}.{row.seq}",
            operator,
            row.type,
            row.outcome,
            row.verdict,
            row.at_ms,
            row.raw,
        )
        for row, operator in session.execute(query)
    ]


def cleared_fen(session: Session) -> dict[str, tuple[str, int]]:
    """Event id -> (operator, fen) of everything cleared."""
    query = select(ClearedRow.event, ClearedRow.operator, func.sum(ClearedRow.fen))
    query = query.where(ClearedRow.event != "").group_by(ClearedRow.event, ClearedRow.operator)
    return {event: (operator, int(fen)) for event, operator, fen in session.execute(query)}


def benefit_lines(session: Session, batch_no: str) -> list[LineRow]:
    """Lines of a batch that went to a bank."""
    gone = [state.value for state in LineState if state not in (LineState.READY, LineState.BLOCKED)]
    query = select(LineRow).where(LineRow.batch_no == batch_no, LineRow.state.in_(gone))
    return list(session.scalars(query.order_by(LineRow.line_no)))


def states_of(session: Session, batch_no: str) -> dict[str, set[str]]:
    """E2e id -> every state the line has been in."""
    query = select(LineMoveRow.e2e_id, LineMoveRow.new).join(LineRow, LineRow.e2e_id == LineMoveRow.e2e_id)
    found: dict[str, set[str]] = {}
    for e2e_id, state in session.execute(query.where(LineRow.batch_no == batch_no)):
        found.setdefault(e2e_id, set()).add(state)
    return found


def posting_sums(session: Session, keys: list[str]) -> dict[str, int]:
    """Posting key -> fen, for those that exist."""
    query = select(PostingRow.key, PostingRow.fen).where(PostingRow.side == 0)
    found: dict[str, int] = {}
    for start in range(0, len(keys), 500):
        part = query.where(PostingRow.key.in_(keys[start : start + 500]))
        found |= {key: int(fen) for key, fen in session.execute(part)}
    return found


def differences(session: Session, scope: str) -> list[DifferenceRow]:
    return list(session.scalars(select(DifferenceRow).where(DifferenceRow.scope == scope)))


def open_differences(session: Session) -> list[DifferenceRow]:
    query = select(DifferenceRow).where(DifferenceRow.closed_at.is_(None))
    return list(session.scalars(query.order_by(DifferenceRow.scope, DifferenceRow.subject)))
