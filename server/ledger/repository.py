"""Queries of the ledger."""

from collections.abc import Iterator

from sqlalchemy import func, select, update

from server.chain import ZERO_HASH
from server.database import Session, before_end, put_once
from server.ledger.posting import Head, Side
from server.ledger.rows import LedgerDayRow, PostingRow

HEADS = "ledger.heads"


def pair(session: Session, key: str) -> list[Side]:
    """Both rows of a posting, debit first; empty when there is none."""
    rows = session.scalars(select(PostingRow).where(PostingRow.key == key).order_by(PostingRow.side))
    return [_side(row) for row in rows]


def claim(session: Session, *sides: Side) -> bool:
    """Insert the rows of a posting unless its key stands already; True when written now."""
    return put_once(session, PostingRow, *({name: getattr(side, name) for name in Side.__slots__} for side in sides))


def lock_day(session: Session, shard: str, day: str) -> Head:
    """The chain's head, held until the transaction ends; started when the day has none.

    Within one transaction the head is kept in hand and written back once, before the commit.
    """
    heads: dict[tuple[str, str], Head] = session.info.setdefault(HEADS, {})
    if (shard, day) not in heads:
        put_once(session, LedgerDayRow, {"shard": shard, "day": day, "length": 0, "head": ZERO_HASH, "root": None})
        query = select(LedgerDayRow).where(LedgerDayRow.shard == shard, LedgerDayRow.day == day).with_for_update()
        row = session.scalars(query.execution_options(populate_existing=True)).one()
        heads[(shard, day)] = Head(shard, day, row.length, row.head, row.root)
    return heads[(shard, day)]


def advance(session: Session, head: Head) -> None:
    """Move the chain's head, or seal it."""
    session.info.setdefault(HEADS, {})[(head.shard, head.day)] = head
    if not before_end(session, HEADS, write_heads):
        write_heads(session)


def write_heads(session: Session) -> None:
    """Write the heads held in hand; they are read anew afterwards."""
    for head in session.info.pop(HEADS, {}).values():
        where = (LedgerDayRow.shard == head.shard, LedgerDayRow.day == head.day)
        values = {"length": head.length, "head": head.hash, "root": head.root}
        session.execute(update(LedgerDayRow).where(*where).values(**values))


def days(session: Session) -> list[tuple[str, str, int, bytes, bytes | None]]:
    """Every chain: shard, day, length, head, root."""
    write_heads(session)
    query = select(LedgerDayRow).order_by(LedgerDayRow.shard, LedgerDayRow.day)
    found = session.scalars(query.execution_options(populate_existing=True))
    return [(row.shard, row.day, row.length, row.head, row.root) for row in found]


def chain(session: Session, shard: str, day: str) -> Iterator[Side]:
    """The rows of one chain in order."""
    query = select(PostingRow).where(PostingRow.shard == shard, PostingRow.day == day)
    for row in session.scalars(query.order_by(PostingRow.position).execution_options(yield_per=1000)):
        yield _side(row)


def all_sides(session: Session) -> Iterator[Side]:
    """Every row in order of booking."""
    order = (PostingRow.shard, PostingRow.day, PostingRow.position)
    for row in session.scalars(select(PostingRow).order_by(*order).execution_options(yield_per=1000)):
        yield _side(row)


def sum_of(session: Session, account: str) -> int:
    """Sum of one account, debits positive."""
    total = session.scalar(select(func.coalesce(func.sum(PostingRow.fen), 0)).where(PostingRow.account == account))
    return int(total or 0)


def sums(session: Session, prefix: str) -> dict[str, int]:
    """Sums of every account whose name begins with `prefix`, debits positive."""
    query = select(PostingRow.account, func.sum(PostingRow.fen)).group_by(PostingRow.account)
    found = session.execute(query.where(PostingRow.account.startswith(prefix, autoescape=True)))
    return {account: int(total) for account, total in found}


def sides_of(session: Session, account: str, limit: int) -> list[Side]:
    """The newest rows of one account, oldest first."""
    query = select(PostingRow).where(PostingRow.account == account)
    rows = session.scalars(query.order_by(PostingRow.at_ms.desc(), PostingRow.position.desc()).limit(limit))
    return [_side(row) for row in rows][::-1]


def amounts(session: Session, prefix: str) -> dict[str, int]:
    """Posting key -> fen of every posting whose key starts with `prefix`."""
    query = select(PostingRow.key, PostingRow.fen).where(PostingRow.side == 0, PostingRow.key.startswith(prefix))
    return {key: int(fen) for key, fen in session.execute(query.order_by(PostingRow.key))}


def unbalanced(session: Session) -> list[str]:
    """Keys whose rows do not come in two or do not sum to zero: must be empty."""
    query = select(PostingRow.key).group_by(PostingRow.key)
    query = query.having((func.count() != 2) | (func.sum(PostingRow.fen) != 0))
    return list(session.scalars(query))


def postings_of_event(session: Session, event: str) -> list[Side]:
    """Rows that name an event."""
    query = select(PostingRow).where(PostingRow.event == event).order_by(PostingRow.key, PostingRow.side)
    return [_side(row) for row in session.scalars(query)]


def events_posted(session: Session) -> set[str]:
    """Ids of every event a posting stands for."""
    return set(session.scalars(select(PostingRow.event).where(PostingRow.event.is_not(None)).distinct()))


def _side(row: PostingRow) -> Side:
    return Side(**{name: getattr(row, name) for name in Side.__slots__})
