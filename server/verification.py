"""Verify the books of a run from its stored rows alone: chains, sums, events, access log."""

from collections.abc import Callable
from dataclasses import dataclass

from card.domain.event import EventFormatError, TapEvent, parse_event
from keys.algorithms.sm3 import sm3
from server.audit import service as audit
from server.database import Session, Store
from server.errors import ChainBrokenError
from server.events import repository as events
from server.ledger import repository as ledger_rows
from server.ledger import service as ledger
from server.verification_books import clearing, lines, loads, unloads


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `count` rows seen; `broken` "" or the first row that is wrong."""

    name: str
    name_zh: str
    count: int
    broken: str = ""


def verify(store: Store) -> list[Finding]:
    """Every check, each to its end or its first broken row."""
    checks: tuple[tuple[str, str, Callable[[Session], int]], ...] = (
        ("ledger chain", "总账链", ledger.verify),
        ("ledger sums", "借贷平衡", _sums),
        ("event chains", "事件链", _events),
        ("events kept", "事件不缺", _kept),
        ("loads", "圈存", loads),
        ("unloads", "圈提", unloads),
        ("clearing", "清分", clearing),
        ("payment lines", "发放明细", lines),
        ("access log chain", "访问日志链", audit.verify),
    )
    found = []
    with store.reading() as session:
        for name, name_zh, check in checks:
            try:
                found.append(Finding(name, name_zh, check(session)))
            except ChainBrokenError as broken:
                found.append(Finding(name, name_zh, 0, broken.detail))
            except (TypeError, ValueError) as bad:
                # A column was given a value no writer of ours writes (SQLite lets that happen).
                found.append(Finding(name, name_zh, 0, f"a row holds a value of the wrong kind: {bad}"))
    return found


def _sums(session: Session) -> int:
    wrong = ledger_rows.unbalanced(session)
    if wrong:
        raise ChainBrokenError(f"posting {wrong[0]} does not sum to zero")
    return len(ledger_rows.sums(session, ""))


def _events(session: Session) -> int:
    """Stored bytes hash to what is stored beside them, are the event they are filed under, and follow each other."""
    rows = events.raw_of(session)
    filed = events.filed(session)
    before: tuple[str, str, int, bytes] | None = None
    for terminal, epoch, seq, digest, stored in rows:
        name = f"event {terminal}.{epoch}.{seq}"
        # A tool that edits SQLite by hand may leave text where bytes were.
        raw = stored if isinstance(stored, bytes) else str(stored).encode()
        if sm3(raw) != digest:
            raise ChainBrokenError(f"{name}: the bytes do not match their hash")
        try:
            event = parse_event(raw)
        except EventFormatError as bad:
            raise ChainBrokenError(f"{name}: {bad}") from bad
        if (event.id.terminal, event.id.epoch, event.id.seq) != (terminal, epoch, seq):
            raise ChainBrokenError(f"{name}: filed under another id")
        if filed[terminal, epoch, seq] != _columns(event):
            raise ChainBrokenError(f"{name}: its columns say other things than its bytes")
        follows = before is not None and before[:3] == (terminal, epoch, seq - 1)
        if follows and before is not None and event.prev != before[3].hex():
            raise ChainBrokenError(f"{name}: does not follow the event before it")
        before = (terminal, epoch, seq, digest)
    return len(rows)


def _columns(event: TapEvent) -> tuple[object, ...]:
    """What intake files beside the bytes of an event."""
    body = event.body
    outcome, asn, offline_seq = body.get("outcome"), body.get("asn", ""), body.get("offline_seq", -1)
    return event.type, outcome, event.at, asn, offline_seq


def _kept(session: Session) -> int:
    """Nothing that was taken in is gone: each journal is whole as far as it was, each posting's event is there."""
    seqs: dict[tuple[str, str], set[int]] = {}
    for terminal, epoch, seq in events.filed(session):
        seqs.setdefault((terminal, epoch), set()).add(seq)
    known = events.journals(session)
    for terminal, epoch, through, highest in known:
        here = seqs.get((terminal, epoch), set())
        gone = sorted({*range(1, through + 1), highest} - here - {0})
        if gone:
            raise ChainBrokenError(f"event {terminal}.{epoch}.{gone[0]}: was taken in and is gone")
        if max(here, default=0) > highest:
            raise ChainBrokenError(f"event {terminal}.{epoch}.{max(here)}: was never taken in")
    for terminal, epoch in sorted(seqs.keys() - {(terminal, epoch) for terminal, epoch, _, _ in known}):
        raise ChainBrokenError(f"events of {terminal}.{epoch}: from a journal that nobody knows")
    stored = {f"{terminal}.{epoch}.{seq}" for (terminal, epoch), found in seqs.items() for seq in found}
    missing = sorted(ledger_rows.events_posted(session) - stored)
    if missing:
        raise ChainBrokenError(f"event {missing[0]}: has a posting and is gone")
    return len(stored)
