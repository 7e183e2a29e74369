"""清分: what each operator earned on a business day, from the ledger, held against the journals, then paid out.

A posting is taken by one run for ever. Running a day again without new postings makes no run; what arrives late for a
cleared day makes a further run, so the sum over runs is always what was booked.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from card.domain.clock import business_date, from_ms, start_of_business_day, to_ms
from server.database import Session
from server.ledger import service as ledger
from server.settlement import repository
from server.settlement.differences import Difference, Found
from server.settlement.findings import remember
from server.settlement.repository import JournalEvent, Owed
from server.settlement.rows import ClearedRow, ClearingRow

SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class ClearingLine:
    """One run as a report shows it. Fen; `day` YYYYMMDD; `journal_fen` is what the events themselves say."""

    operator: str
    day: str
    run: int
    count: int
    fen: int
    journal_fen: int
    bank: str
    settled: bool
    days: dict[str, int]


@dataclass(frozen=True, slots=True)
class ClearingReport:
    """A day's clearing: every run of it, and what differs (empty when the books equal the journals)."""

    day: str
    lines: tuple[ClearingLine, ...]
    differences: tuple[Found, ...]

    @property
    def fen(self) -> int:
        return sum(line.fen for line in self.lines)

    @property
    def balanced(self) -> bool:
        return not self.differences and all(line.fen == line.journal_fen for line in self.lines)


def clear(session: Session, day: date, *, bank: str, at_ms: int) -> ClearingReport:
    """Take everything booked up to `day` that no run has taken, per operator; hold it against the journals; pay out.

    An operator whose ledger differs from its journals is cleared but not paid: a person looks first. `bank` is where
    operators' money is held. Safe to repeat.
    """
    name = f"{day:%Y%m%d}"
    owed: dict[str, list[Owed]] = defaultdict(list)
    for item in repository.uncleared(session, day.isoformat()):
        owed[item.operator].append(item)
    until = to_ms(start_of_business_day(day + timedelta(days=1)))
    events = repository.journal_events(session, until)
    by_id = {event.event: event for event in events}
    for operator in sorted(owed):
        _take(session, operator, name, owed[operator], by_id, bank, at_ms)
    found = _against_journals(session, events)
    remember(session, "clearing", found, at_ms)
    doubtful = {by_id[item.subject].operator for item in found if item.subject in by_id}
    for row in repository.runs(session, name):
        if row.settled_at is None and row.operator not in doubtful:
            _pay_out(session, row, at_ms)
    return report(session, day, found)


def report(session: Session, day: date, found: Sequence[Found] = ()) -> ClearingReport:
    """The runs of a day as they stand."""
    name = f"{day:%Y%m%d}"
    days: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for item in repository.items(session, name):
        days[(item.operator, item.run)][item.event_day] += item.fen
    lines = tuple(
        ClearingLine(
            operator=row.operator,
            day=row.day,
            run=row.run,
            count=row.count,
            fen=row.fen,
            journal_fen=row.journal_fen,
            bank=row.bank,
            settled=row.settled_at is not None,
            days=dict(days[(row.operator, row.run)]),
        )
        for row in repository.runs(session, name)
    )
    return ClearingReport(name, lines, tuple(found))


def journal_fen(event: JournalEvent) -> int:
    """What an event says the purse was debited (fen)."""
    return int(json.loads(event.raw)["body"]["amount"])


def _take(
    session: Session,
    operator: str,
    day: str,
    owed: list[Owed],
    events: dict[str, JournalEvent],
    bank: str,
    at_ms: int,
) -> None:
    run = repository.next_run(session, operator, day)
    rows: list[object] = [
        ClearedRow(
            posting_key=item.key,
            operator=operator,
            day=day,
            run=run,
            event=item.event,
            event_day=_event_day(events.get(item.event)) or day,
            fen=item.fen,
        )
        for item in owed
    ]
    named = {item.event for item in owed} & set(events)
    # What stands for no event (a correction by hand) is taken at the ledger's word.
    without = sum(item.fen for item in owed if item.event not in events)
    row = ClearingRow(
        operator=operator,
        day=day,
        run=run,
        count=len(owed),
        fen=sum(item.fen for item in owed),
        journal_fen=sum(journal_fen(events[event]) for event in named) + without,
        posting_key=f"{repository.PAYOUT}{operator}:{day}:{run}",
        bank=bank,
        cleared_at=at_ms,
        settled_at=None,
    )
    repository.add(session, [row, *rows])


def _event_day(event: JournalEvent | None) -> str:
    return f"{business_date(from_ms(event.at_ms)):%Y%m%d}" if event else ""


def _against_journals(session: Session, events: list[JournalEvent]) -> list[Found]:
    cleared = repository.cleared_fen(session)
    found = []
    for event in events:
        operator, ours = cleared.get(event.event, (event.operator, 0))
        theirs = journal_fen(event)
        held_back = event.verdict == SUSPECT and ours == 0
        if (ours != theirs and not held_back) or operator != event.operator:
            note = f"{event.operator} {event.type} {event.verdict}"
            found.append(Found(Difference.EVENT_DIFF, event.event, ours, theirs, note))
    return found


def _pay_out(session: Session, row: ClearingRow, at_ms: int) -> None:
    if row.fen > 0:
        ledger.post(
            session,
            key=row.posting_key,
            at_ms=at_ms,
            debit=f"{repository.PREFIX}{row.operator}",
            credit=f"bank:{row.bank}",
            fen=row.fen,
            memo=f"clearing {row.operator} {row.day} run {row.run}",
        )
    row.settled_at = at_ms
    session.flush()
