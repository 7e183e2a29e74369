"""The journal: durable before the act, one identity, one chain, one claim; killed between any two steps."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.domain.event import Outcome, parse_event
from keys.algorithms.sm3 import sm3
from terminal.errors import ClaimTakenError, JournalError
from terminal.journal import EventDraft, Verdict
from terminal.journal_sqlite import SqliteJournal

TERMINAL = "460100000001"
ROOT = Path(__file__).resolve().parents[2]


def draft(subject: str = "aa", claim: str = "", at: int = 1_000, **body: object) -> EventDraft:
    answer: dict[str, object] = {"answer": "grant"}
    return EventDraft("bus", at, {"tariff": 1}, {"kind": "purse"}, answer, dict(body), subject, claim)


@pytest.fixture
def journal() -> SqliteJournal:
    return SqliteJournal(":memory:", TERMINAL, SeededEntropy(1))


def test_identity_is_minted_when_resolved_not_when_appended(journal: SqliteJournal) -> None:
    first, second = journal.append(draft("aa")), journal.append(draft("bb"))
    later = journal.resolve(second, Outcome.POSTED, {"tac": "00"})
    earlier = journal.resolve(first, Outcome.VOIDED, {})
    assert (later.id.seq, earlier.id.seq) == (1, 2)
    assert later.body == {"tac": "00", "outcome": "posted"} and earlier.body == {"outcome": "voided"}
    assert not journal.pending()


def test_events_are_canonical_and_chained(journal: SqliteJournal) -> None:
    for number in range(5):
        journal.record(draft(number=number))
    previous = ""
    for stored in journal.unsent(10):
        event = parse_event(stored.raw)
        assert event.prev == previous and stored.chain == sm3(stored.raw).hex()
        assert (event.id.terminal, event.id.epoch) == (TERMINAL, journal.epoch)
        previous = stored.chain


def test_an_entry_is_resolved_once(journal: SqliteJournal) -> None:
    local = journal.append(draft())
    journal.resolve(local, Outcome.POSTED, {})
    with pytest.raises(JournalError):
        journal.resolve(local, Outcome.POSTED, {})
    with pytest.raises(JournalError):
        journal.settle(local, Outcome.POSTED, {})


def test_uncertain_is_settled_by_a_second_event_that_names_the_first(journal: SqliteJournal) -> None:
    local = journal.append(draft(amount=170))
    first = journal.resolve(local, Outcome.UNCERTAIN, {"balance_after": -1})
    [case] = journal.open_cases("aa")
    assert case.event == first.id and case.draft.body["balance_after"] == -1
    with pytest.raises(JournalError):
        journal.settle(local, Outcome.UNCERTAIN, {})
    second = journal.settle(local, Outcome.POSTED, {"balance_after": 30})
    assert second.type == "resolution" and second.id.seq == 2
    assert second.body["of"] == {"terminal": TERMINAL, "epoch": journal.epoch, "seq": 1}
    assert second.body["amount"] == 170 and not journal.open_cases()


def test_a_claim_is_used_once_and_freed_by_void(journal: SqliteJournal) -> None:
    local = journal.append(draft(claim="k"))
    with pytest.raises(ClaimTakenError):
        journal.append(draft(claim="k"))
    assert len(journal.pending()) == 1
    journal.resolve(local, Outcome.VOIDED, {})
    assert not journal.claimed("k")
    journal.resolve(journal.append(draft(claim="k")), Outcome.POSTED, {})
    assert journal.claimed("k")


def test_only_accepted_and_duplicate_are_dropped(journal: SqliteJournal) -> None:
    for number in range(5):
        journal.record(draft(number=number))
    for seq, verdict in enumerate(Verdict, start=1):
        journal.mark(seq, verdict, f"E-{seq}")
    assert journal.unsent(10) == []
    kept = [(event.seq, event.verdict, event.code) for event in journal.kept()]
    assert kept == [(3, Verdict.CONFLICT, "E-3"), (4, Verdict.SUSPECT, "E-4"), (5, Verdict.REJECTED, "E-5")]
    state = journal.state()
    assert (state.last_seq, state.kept, state.drop_count, state.unsent) == (5, 3, 2, 0)
    assert journal.record(draft()).id.seq == 6


def test_state_tells_the_oldest_waiting(journal: SqliteJournal) -> None:
    assert journal.state().oldest_unsent_at == 0
    journal.record(draft(at=5_000))
    journal.record(draft(at=2_000))
    journal.append(draft())
    state = journal.state()
    assert (state.oldest_unsent_at, state.unsent, state.pending) == (2_000, 2, 1)


def test_a_new_file_is_a_new_epoch_and_an_old_one_goes_on(tmp_path: Path) -> None:
    path, entropy = tmp_path / "journal.db", SeededEntropy(2)
    first = SqliteJournal(path, TERMINAL, entropy)
    first.record(draft())
    epoch = first.epoch
    first.close()
    again = SqliteJournal(path, TERMINAL, entropy)
    assert again.epoch == epoch and again.record(draft()).id.seq == 2
    assert SqliteJournal(":memory:", TERMINAL, entropy).epoch != epoch and len(epoch) == 16
    with pytest.raises(JournalError):
        SqliteJournal(path, "460100000002", entropy)
    (tmp_path / "noise").write_bytes(b"not a database, at all" * 100)
    with pytest.raises(JournalError):
        SqliteJournal(tmp_path / "noise", TERMINAL, entropy)


def test_full_sync_and_write_ahead(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", TERMINAL, SeededEntropy(3))
    assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert journal._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


# ---- killed ---------------------------------------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
from card.domain.entropy import SeededEntropy
from card.domain.event import Outcome
from terminal.journal import EventDraft
from terminal.journal_sqlite import SqliteJournal
path, step = Path(sys.argv[1]), sys.argv[2]
journal = SqliteJournal(path, "460100000001", SeededEntropy(4))
draft = EventDraft("bus", 1, {}, {}, {"answer": "grant"}, {"amount": 170}, "aa", "claim")
def die(): os.kill(os.getpid(), signal.SIGKILL)
journal.resolve(journal.append(EventDraft("bus", 1, {}, {}, {}, {"n": 1})), Outcome.POSTED, {})
if step == "inside-append":
    journal._db.set_trace_callback(lambda sql: die() if "INSERT INTO claims" in sql else None)
local = journal.append(draft)
print("appended", flush=True)
if step == "before-act": die()
if step == "inside-resolve":
    journal._db.set_trace_callback(lambda sql: die() if "DELETE FROM entries" in sql else None)
journal.resolve(local, Outcome.POSTED, {"tac": "00"})
print("resolved", flush=True)
die()
"""


@pytest.mark.parametrize(
    ("step", "said", "pending", "events"),
    [
        ("inside-append", [], 0, 1),
        ("before-act", ["appended"], 1, 1),
        ("inside-resolve", ["appended"], 1, 1),
        ("after-resolve", ["appended", "resolved"], 0, 2),
    ],
)
def test_killed_between_the_steps(tmp_path: Path, step: str, said: list[str], pending: int, events: int) -> None:
    path = tmp_path / "journal.db"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), step],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert child.stdout.split() == said
    journal = SqliteJournal(path, TERMINAL, SeededEntropy(5))
    assert len(journal.pending()) == pending
    assert len(journal.unsent(10)) == events
    assert journal.claimed("claim") is (step != "inside-append")
    for entry in journal.pending("aa"):  # found after the crash, resolved now, sequence without a hole
        assert entry.draft.body == {"amount": 170}
        assert journal.resolve(entry.local, Outcome.UNCERTAIN, {}).id.seq == 2
    assert [event.seq for event in journal.unsent(10)] == list(range(1, journal.state().last_seq + 1))


def test_events_survive_as_plain_rows_for_a_foreign_reader(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, TERMINAL, SeededEntropy(6))
    journal.record(draft(note="外部可读"))
    foreign = sqlite3.connect(path)
    [(raw,)] = foreign.execute("SELECT raw FROM events").fetchall()
    assert json.loads(raw)["body"]["note"] == "外部可读"
    foreign.close()
