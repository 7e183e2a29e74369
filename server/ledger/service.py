"""Post, sum, verify and export. Everything runs inside the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from card.domain.clock import business_date, from_ms
from card.domain.money import Fen
from server.chain import ZERO_HASH, link, merkle_root
from server.database import Session
from server.errors import ChainBrokenError, LedgerConflictError, LedgerDayClosedError
from server.ledger import repository
from server.ledger.posting import CREDIT, DEBIT, Posting, Side

# One shard is one region's book; a posting pair lives in one shard. This release keeps one.
SHARD = "main"


def post(
    session: Session,
    *,
    key: str,
    at_ms: int,
    debit: str,
    credit: str,
    fen: int,
    memo: str,
    event: str | None = None,
    shard: str = SHARD,
) -> Posting:
    """Book one pair and return it. Same key and content again returns the stored posting and writes nothing.

    `at_ms` is the time of booking (it chooses the business day's chain), `fen` zero or more, `event` the id of the
    event it stands for. Raises LedgerConflictError when `key` was used with other content (time aside),
    LedgerDayClosedError, and ValueError for a negative amount or one account on both sides.
    """
    posting = Posting(key, at_ms, debit, credit, Fen(fen), memo, event)
    day = business_date(from_ms(at_ms)).isoformat()
    head = repository.lock_day(session, shard, day)
    first = _side(posting, DEBIT, shard, day, head.length, head.hash)
    second = _side(posting, CREDIT, shard, day, head.length + 1, first.hash)
    if not repository.claim(session, first, second):
        return _stored(session, posting)
    if head.root is not None:
        raise LedgerDayClosedError(day)
    repository.advance(session, replace(head, length=head.length + 2, hash=second.hash))
    return posting


def hold(session: Session, at_ms: int, shard: str = SHARD) -> None:
    """Take the day's chain before any other row that more than one kind of booking locks: one order, no deadlock."""
    repository.lock_day(session, shard, business_date(from_ms(at_ms)).isoformat())


def balance(session: Session, account: str) -> Fen:
    """Sum of an account, debits positive: what a purse holds for its citizen is `-balance(purse:...)`."""
    return Fen(repository.sum_of(session, account))


def balances(session: Session, prefix: str = "") -> dict[str, Fen]:
    """Sums of every account whose name begins with `prefix`."""
    return {account: Fen(total) for account, total in repository.sums(session, prefix).items()}


def sum_is_zero(session: Session) -> bool:
    """True when every posting is a pair that sums to zero."""
    return not repository.unbalanced(session)


def find(session: Session, key: str) -> Posting | None:
    """The posting of that key."""
    pair = repository.pair(session, key)
    return _posting(pair) if pair else None


def of_event(session: Session, event: str) -> list[Posting]:
    """Postings that stand for an event."""
    pairs: dict[str, list[Side]] = defaultdict(list)
    for side in repository.postings_of_event(session, event):
        pairs[side.key].append(side)
    return [_posting(pair) for pair in pairs.values()]


def lines(session: Session, account: str, limit: int = 50) -> list[Side]:
    """The newest rows of an account, oldest first."""
    return repository.sides_of(session, account, limit)


def close_day(session: Session, day: str, shard: str = SHARD) -> bytes:
    """Seal a business day (YYYY-MM-DD): nothing is booked on it after. Returns its Merkle root; again, the same."""
    head = repository.lock_day(session, shard, day)
    if head.root is None:
        root = merkle_root([side.hash for side in repository.chain(session, shard, day)])
        repository.advance(session, replace(head, root=root))
        return root
    return head.root


def verify(session: Session) -> int:
    """Recompute every chain and root; the number of rows seen. ChainBrokenError names the first row that is wrong."""
    rows = 0
    for shard, day, length, head, root in repository.days(session):
        prev, leaves = ZERO_HASH, []
        for place, side in enumerate(repository.chain(session, shard, day)):
            if side.position != place or side.prev != prev or side.hash != link(prev, side.content()):
                raise ChainBrokenError(f"ledger {shard} {day} row {place} (posting {side.key})")
            prev = side.hash
            leaves.append(side.hash)
        if len(leaves) != length or prev != head:
            raise ChainBrokenError(f"ledger {shard} {day} ends at row {len(leaves)}, its head says {length}")
        if root is not None and root != merkle_root(leaves):
            raise ChainBrokenError(f"ledger {shard} {day}: the sealed root does not match")
        rows += len(leaves)
    return rows


def export_hledger(session: Session) -> Iterator[str]:
    """The whole book as a plain-text journal that hledger reads: one transaction a posting, amounts in CNY."""
    held: dict[str, Side] = {}
    for side in repository.all_sides(session):
        other = held.pop(side.key, None)
        if other is None:
            held[side.key] = side
            continue
        yield f"{side.day} ({side.key}) {_plain(side.memo)}\n"
        yield f"    {other.account}  CNY {Fen(other.fen).yuan()}\n    {side.account}  CNY {Fen(side.fen).yuan()}\n\n"


def _side(posting: Posting, which: int, shard: str, day: str, position: int, prev: bytes) -> Side:
    account, fen = (posting.debit, posting.fen) if which == DEBIT else (posting.credit, -posting.fen)
    blank = Side(
        posting.key,
        which,
        shard,
        day,
        position,
        posting.at_ms,
        account,
        int(fen),
        posting.memo,
        posting.event,
        prev,
        b"",
    )
    return replace(blank, hash=link(prev, blank.content()))


def _stored(session: Session, posting: Posting) -> Posting:
    stored = _posting(repository.pair(session, posting.key))
    if replace(posting, at_ms=stored.at_ms) != stored:
        raise LedgerConflictError(posting.key)
    return stored


def _posting(pair: list[Side]) -> Posting:
    debit, credit = pair
    return Posting(debit.key, debit.at_ms, debit.account, credit.account, Fen(debit.fen), debit.memo, debit.event)


def _plain(memo: str) -> str:
    return " ".join(memo.replace(";", ",").replace("|", "/").split())
