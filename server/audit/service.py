"""Write down who used or read a card; verify the chain; answer the holder's question."""

from dataclasses import replace

from card.domain.clock import business_date, from_ms
from server.audit import repository
from server.audit.access import Access
from server.chain import ZERO_HASH, link
from server.context import Context
from server.database import Session
from server.errors import ChainBrokenError
from server.registry.card import Card

SHARD = "main"
LIMIT = 200


def log(
    context: Context,
    session: Session,
    *,
    actor: str,
    action: str,
    card: Card | None,
    place: str = "",
    detail: str = "",
    at_ms: int | None = None,
) -> Access:
    """Append one entry, in the caller's transaction. `at_ms` is when it happened (default now)."""
    now = context.now_ms()
    day = business_date(from_ms(now)).isoformat()
    length, head = repository.lock_day(session, SHARD, day)
    holder, card_id = (card.person_id, card.card_id) if card else ("", "")
    at = now if at_ms is None else at_ms
    access = Access(SHARD, day, length, at, actor, action, holder, card_id, place, detail, prev=head)
    access = replace(access, hash=link(head, access.content()))
    repository.append(session, access)
    return access


def who_used(session: Session, person_id: str, limit: int = LIMIT) -> list[Access]:
    """Every use and reading of a person's cards, newest first."""
    return repository.of_holder(session, person_id, limit)


def verify(session: Session) -> int:
    """Recompute every chain; the number of entries. ChainBrokenError names the first one that is wrong."""
    rows = 0
    for shard, day, length, head in repository.days(session):
        prev, seen = ZERO_HASH, 0
        for place, access in enumerate(repository.chain(session, shard, day)):
            if access.position != place or access.prev != prev or access.hash != link(prev, access.content()):
                raise ChainBrokenError(f"access log {shard} {day} row {place}")
            prev, seen = access.hash, seen + 1
        if seen != length or prev != head:
            raise ChainBrokenError(f"access log {shard} {day} ends at row {seen}, its head says {length}")
        rows += seen
    return rows
