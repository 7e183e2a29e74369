"""Queries of the ledger."""

from collections.abc import Iterator

from sqlalchemy import func, select, update

from server.chain import ZERO_HASH
from server.database import Session, put_once
from server.ledger.posting import Side
from server.ledger.rows import LedgerDayRow, PostingRow


def pair(session: Session, key: str) -> list[Side]:
    """Both rows of a posting, debit first; empty when there is none."""
    rows = session.scalars(select(PostingRow).where(PostingRow.key == key).order_by(PostingRow.side))
    return [_side(row) for row in rows]


def claim(session: Session, side: Side) -> bool:
    """Insert one row unless its key and side stand already; True when written now."""
    values = {name: getattr(side, name) for name in Side.__slots__}
    return put_once(session, PostingRow, values)


def lock_day(session: Session, shard: str, day: str) -> LedgerDayRow:
    """The chain's head, held until the transaction ends; started when the day has none."""
    put_once(session, LedgerDayRow, {"shard": shard, "day": day, "length": 0, "head": ZERO_HASH, "root": None})
    query = select(LedgerDayRow).where(LedgerDayRow.shard == shard, LedgerDayRow.day == day).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def advance(session: Session, shard: str, day: str, length: int, head: bytes) -> None:
    """Move the chain's head."""
    where = (LedgerDayRow.shard == shard, LedgerDayRow.day == day)
    session.execute(update(LedgerDayRow).where(*where).values(length=length, head=head))


def set_root(session: Session, shard: str, day: str, root: bytes) -> None:
    """Close a day."""
    where = (LedgerDayRow.shard == shard, LedgerDayRow.day == day)
    session.execute(update(LedgerDayRow).where(*where).values(root=root))


def days(session: Session) -> list[tuple[str, str, int, bytes, bytes | None]]:
    """Every chain: shard, day, length, head, root."""
    found = session.scalars(select(LedgerDayRow).order_by(LedgerDayRow.shard, LedgerDayRow.day))
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
