"""Queries of the access log."""

from collections.abc import Iterator

from sqlalchemy import select, update

from server.audit.access import Access
from server.audit.rows import AccessDayRow, AccessRow
from server.chain import ZERO_HASH
from server.database import Session, before_end, put_once

FIELDS = tuple(Access.__slots__)
HEADS = "access.heads"


def lock_day(session: Session, shard: str, day: str) -> tuple[int, bytes]:
    """Length and head of a chain, held until the transaction ends; kept in hand within it."""
    heads: dict[tuple[str, str], tuple[int, bytes]] = session.info.setdefault(HEADS, {})
    if (shard, day) not in heads:
        put_once(session, AccessDayRow, {"shard": shard, "day": day, "length": 0, "head": ZERO_HASH})
        query = select(AccessDayRow).where(AccessDayRow.shard == shard, AccessDayRow.day == day).with_for_update()
        row = session.scalars(query.execution_options(populate_existing=True)).one()
        heads[(shard, day)] = (row.length, row.head)
    return heads[(shard, day)]


def append(session: Session, access: Access) -> None:
    put_once(session, AccessRow, {name: getattr(access, name) for name in FIELDS})
    session.info.setdefault(HEADS, {})[(access.shard, access.day)] = (access.position + 1, access.hash)
    if not before_end(session, HEADS, write_heads):
        write_heads(session)


def write_heads(session: Session) -> None:
    """Write the heads held in hand; they are read anew afterwards."""
    for (shard, day), (length, head) in session.info.pop(HEADS, {}).items():
        where = (AccessDayRow.shard == shard, AccessDayRow.day == day)
        session.execute(update(AccessDayRow).where(*where).values(length=length, head=head))


def days(session: Session) -> list[tuple[str, str, int, bytes]]:
    write_heads(session)
    query = select(AccessDayRow).order_by(AccessDayRow.shard, AccessDayRow.day)
    rows = session.scalars(query.execution_options(populate_existing=True))
    return [(row.shard, row.day, row.length, row.head) for row in rows]


def chain(session: Session, shard: str, day: str) -> Iterator[Access]:
    query = select(AccessRow).where(AccessRow.shard == shard, AccessRow.day == day).order_by(AccessRow.position)
    for row in session.scalars(query.execution_options(yield_per=1000)):
        yield _access(row)


def of_holder(session: Session, holder: str, limit: int) -> list[Access]:
    """The newest entries about a person, newest first."""
    order = (AccessRow.at_ms.desc(), AccessRow.day.desc(), AccessRow.position.desc())
    rows = session.scalars(select(AccessRow).where(AccessRow.holder == holder).order_by(*order).limit(limit))
    return [_access(row) for row in rows]


def _access(row: AccessRow) -> Access:
    return Access(**{name: getattr(row, name) for name in FIELDS})
