"""One notice of death: stop everything, name what is owed back, keep what is left for the heirs; and undo a wrong one.

All functions run inside the caller's transaction and may be repeated: what is done is found done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from card.domain.lifecycle import CardState
from server.benefit.moves import holder
from server.benefit.rows import LineRow
from server.benefit.states import LineState
from server.benefit.steps import block_line
from server.cases import repository
from server.cases.rows import CaseRow, DeathRow
from server.database import Session
from server.eligibility import service as eligibility
from server.ledger import service as ledger
from server.ledger.posting import CREDIT
from server.purse import accounts
from server.registry import repository as registry
from server.registry.card import Card

RULE = "PV05"
RECOVERY = "recovery"
# Kinds of a stop, in the order in which a page tells them.
CARD, PURSE, CODE, LINE, CERTIFICATE, CLAIM = "card", "purse", "code", "payment", "certificate", "owed_back"


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that was stopped, moved or claimed: `at_ms`, `fen` where money is meant."""

    kind: str
    subject: str
    at_ms: int
    fen: int
    note: str
    undone: bool


def heirs(person_id: str) -> str:
    """Ledger account of what the purses of a dead person held."""
    return f"heirs:{person_id}"


def rest(session: Session, asn: str) -> int:
    """What waits for the heirs in the suspense of an ended purse; taps that arrive late are charged to it first."""
    return max(0, accounts.held(session, accounts.lost(asn)))


def recovery(person_id: str) -> str:
    """Ledger account of what is owed back."""
    return f"recovery:{person_id}"


def stop_payments(session: Session, notice: DeathRow, at_ms: int) -> None:
    """Lines that have not left are blocked; certificates end; paid periods after the month of death are claimed."""
    for line in repository.ready_lines(session, notice.person_id):
        block_line(session, line, RULE, f"death notice {notice.notice_id}", at_ms)
        _record(session, notice, LINE, line.e2e_id, at_ms, line.fen, f"{line.programme} {line.period} blocked")
    ended = eligibility.withdraw(session, notice.person_id, at_ms)
    if ended:
        _record(session, notice, CERTIFICATE, notice.person_id, at_ms, 0, f"{ended} ended")
    claim_back(session, notice, at_ms)


def claim_back(session: Session, notice: DeathRow, at_ms: int) -> int:
    """Open (or enlarge) the recovery case by every paid line of a later period; fen owed in all.

    Called again after each import: a line that was on the way at the time is claimed when the bank pays it, and
    a claim ends when the bank sends the money back.
    """
    for line in repository.lines_after(session, notice.person_id, notice.died_on[:6]):
        if line.state == LineState.PAID.value:
            _claim(session, notice, line, at_ms)
        elif line.state == LineState.REVERSED.value:
            _end_claim(session, notice, line, at_ms, "the bank sent it back")
    owed = _owed(session, notice)
    _case(session, notice, owed, at_ms)
    return owed


def observe_cards(session: Session, notice: DeathRow, at_ms: int) -> None:
    """Name each card, code and purse that the registry now shows as ended, and what the purses hold."""
    for card in registry.cards_of(session, notice.person_id):
        if card.status != CardState.CANCELLED.value:
            continue
        _record(session, notice, CARD, card.card_id, card.changed_at, 0, "cancelled")
        if card.ecard_serial:
            _record(session, notice, CODE, card.ecard_serial, card.changed_at, 0, "with its card")
        if card.asn:
            _record(session, notice, PURSE, card.asn, at_ms, rest(session, card.asn), "rest kept for the heirs")


def release_heirs(session: Session, notice: DeathRow, waiting_for: Callable[[Card], Sequence[str]], at_ms: int) -> int:
    """Move each purse's rest to the heirs once no terminal may still charge it; the fen moved now."""
    moved = 0
    for card in registry.cards_of(session, notice.person_id):
        fen = rest(session, card.asn) if card.asn and card.status == CardState.CANCELLED.value else 0
        if fen and not waiting_for(card):
            key = f"{notice.notice_id}:heirs:{card.asn}:{at_ms}"
            _post(session, key, at_ms, accounts.lost(card.asn), heirs(notice.person_id), fen, "purse rest to heirs")
            moved += fen
    return moved


def withdraw(session: Session, notice: DeathRow, *, actor: str, why: str, at_ms: int) -> None:
    """A wrong notice: claims end, heirs' money goes back to the purse's suspense, certificates stand again.

    Blocked lines stay blocked (their batch went on without them) and may be put on a new roll as back-pay. A cancelled
    card stays cancelled: the person applies for a new one, and the suspense follows to its purse.
    """
    for line in repository.lines_after(session, notice.person_id, notice.died_on[:6]):
        _end_claim(session, notice, line, at_ms, "wrong notice")
    for posting in ledger.lines(session, heirs(notice.person_id), limit=1000):
        if posting.side == CREDIT and posting.key.startswith(f"{notice.notice_id}:heirs:"):
            suspense = accounts.lost(posting.key.split(":")[2])
            key = f"{posting.key}:back"
            _post(session, key, at_ms, heirs(notice.person_id), suspense, -posting.fen, "wrong death notice")
    for stop in repository.stops(session, notice.notice_id):
        if stop.kind == CERTIFICATE:
            eligibility.restore(session, notice.person_id, stop.at_ms)
        if stop.kind != CARD:
            stop.undone_at = stop.undone_at or at_ms
    notice.withdrawn_at, notice.withdrawn_by, notice.withdrawn_why = at_ms, actor, why
    _case(session, notice, 0, at_ms)
    session.flush()


def stops(session: Session, notice_id: str) -> list[Stop]:
    """Everything a notice stopped, in time."""
    return [
        Stop(row.kind, row.subject, row.at_ms, row.fen, row.note, row.undone_at is not None)
        for row in repository.stops(session, notice_id)
    ]


def _claim(session: Session, notice: DeathRow, line: LineRow, at_ms: int) -> None:
    key = f"{notice.notice_id}:claim:{line.e2e_id}"
    _post(session, key, at_ms, recovery(line.person_id), holder(line.bank, line.account), line.fen, "paid after death")
    note = f"{line.programme} {line.period} paid after death"
    _record(session, notice, CLAIM, line.e2e_id, at_ms, line.fen, note)


def _end_claim(session: Session, notice: DeathRow, line: LineRow, at_ms: int, why: str) -> None:
    claim = f"{notice.notice_id}:claim:{line.e2e_id}"
    if ledger.find(session, claim) is None:
        return
    account = holder(line.bank, line.account)
    _post(session, f"{claim}:end", at_ms, account, recovery(line.person_id), line.fen, why)
    for stop in repository.stops(session, notice.notice_id):
        if stop.kind == CLAIM and stop.subject == line.e2e_id:
            stop.undone_at = stop.undone_at or at_ms


def _owed(session: Session, notice: DeathRow) -> int:
    return sum(
        stop.fen for stop in repository.stops(session, notice.notice_id) if stop.kind == CLAIM and not stop.undone_at
    )


def _case(session: Session, notice: DeathRow, owed: int, at_ms: int) -> None:
    case_id = f"{RECOVERY}:{notice.notice_id}"
    case = repository.case(session, case_id)
    if case is None:
        if owed:
            row = CaseRow(
                case_id=case_id,
                kind=RECOVERY,
                person_id=notice.person_id,
                opened_at=at_ms,
                account=recovery(notice.person_id),
                fen=owed,
                state="OPEN",
                reason=f"paid after {notice.died_on[:6]}",
                closed_at=None,
            )
            repository.add(session, row)
        return
    case.fen, case.state = owed, "OPEN" if owed else "CLOSED"
    case.closed_at = None if owed else at_ms
    session.flush()


def _record(session: Session, notice: DeathRow, kind: str, subject: str, at_ms: int, fen: int, note: str) -> None:
    values = {
        "notice_id": notice.notice_id,
        "kind": kind,
        "subject": subject,
        "at_ms": at_ms,
        "fen": fen,
        "note": note,
        "undone_at": None,
    }
    repository.put_stop(session, values)


def _post(session: Session, key: str, at_ms: int, debit: str, credit: str, fen: int, memo: str) -> None:
    ledger.post(session, key=key, at_ms=at_ms, debit=debit, credit=credit, fen=fen, memo=memo)
