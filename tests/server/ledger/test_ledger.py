"""The ledger: pairs, idempotency, chains, days, export."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from card.domain.money import Fen
from server.chain import merkle_root
from server.database import Store, make_engine
from server.errors import ChainBrokenError, LedgerConflictError, LedgerDayClosedError
from server.ledger import service
from server.ledger.posting import Posting
from server.migrations import upgrade
from tests.required import missing

DAY_ONE = 1_772_323_200_000  # 2026-03-01 08:00 in Hainan
DAY_MS = 86_400_000
RIDE = {"debit": "purse:1", "credit": "operator:bus", "memo": "ride"}


def test_a_posting_is_a_pair_that_sums_to_zero(store: Store) -> None:
    with store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=170, event="t.e.1", **RIDE)
    with store.reading() as session:
        assert service.balance(session, "purse:1") == Fen(170)
        assert service.balances(session, "operator:") == {"operator:bus": Fen(-170)}
        assert service.sum_is_zero(session)
        assert [posting.key for posting in service.of_event(session, "t.e.1")] == ["k1"]
        assert service.verify(session) == 2


def test_the_same_key_and_content_is_booked_once(store: Store) -> None:
    for later in (0, DAY_MS):
        with store.transaction() as session:
            posting = service.post(session, key="k1", at_ms=DAY_ONE + later, fen=170, **RIDE)
            assert posting.at_ms == DAY_ONE
    with store.reading() as session:
        assert service.balance(session, "purse:1") == Fen(170)
        assert service.verify(session) == 2


@pytest.mark.parametrize(
    "change", [{"fen": 171}, {"debit": "purse:2"}, {"credit": "operator:x"}, {"memo": "other"}, {"event": "t.e.9"}]
)
def test_the_same_key_with_other_content_is_a_conflict(store: Store, change: dict[str, object]) -> None:
    first: dict[str, object] = {"key": "k1", "at_ms": DAY_ONE, "fen": 170, **RIDE}
    with store.transaction() as session:
        service.post(session, **first)  # type: ignore[arg-type]
    with pytest.raises(LedgerConflictError), store.transaction() as session:
        service.post(session, **{**first, **change})  # type: ignore[arg-type]
    with store.reading() as session:
        assert service.verify(session) == 2


def test_a_refused_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="two different accounts"), store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=1, **RIDE)
        service.post(session, key="k2", at_ms=DAY_ONE, fen=1, debit="a", credit="a", memo="")
    with store.reading() as session:
        assert service.find(session, "k1") is None


def test_a_closed_day_takes_no_more_and_keeps_its_root(store: Store) -> None:
    with store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=5, **RIDE)
        root = service.close_day(session, "2026-03-01")
    with pytest.raises(LedgerDayClosedError), store.transaction() as session:
        service.post(session, key="k2", at_ms=DAY_ONE + 1, fen=5, **RIDE)
    with store.transaction() as session:
        service.post(session, key="k2", at_ms=DAY_ONE + DAY_MS, fen=5, **RIDE)
        assert service.close_day(session, "2026-03-01") == root
        assert service.verify(session) == 4


@pytest.mark.parametrize("column, value", [("fen", "fen + 1"), ("account", "'x'"), ("memo", "'x'"), ("at_ms", "1")])
def test_verify_names_the_first_row_that_was_changed(store: Store, column: str, value: str) -> None:
    with store.transaction() as session:
        for number in range(3):
            service.post(session, key=f"k{number}", at_ms=DAY_ONE, fen=5, **RIDE)
    with store.transaction() as session:
        session.execute(text(f"UPDATE postings SET {column} = {value} WHERE key = 'k1' AND side = 0"))
    with store.reading() as session, pytest.raises(ChainBrokenError, match=r"row 2 .*k1"):
        service.verify(session)


def test_verify_sees_a_cut_tail(store: Store) -> None:
    with store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=5, **RIDE)
        service.post(session, key="k2", at_ms=DAY_ONE, fen=5, **RIDE)
        session.execute(text("DELETE FROM postings WHERE key = 'k2'"))
    with store.reading() as session, pytest.raises(ChainBrokenError, match="ends at row 2"):
        service.verify(session)


def test_export_is_a_journal_of_pairs(store: Store) -> None:
    with store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=1234, debit="a", credit="b", memo="one; two|three")
    with store.reading() as session:
        assert "".join(service.export_hledger(session)) == (
            "2026-03-01 (k1) one, two/three\n    a  CNY 12.34\n    b  CNY -12.34\n\n"
        )


def test_merkle_root_tells_leaves_from_nodes_and_order() -> None:
    one, two, three = (bytes([n]) * 32 for n in (1, 2, 3))
    roots = {merkle_root(leaves) for leaves in ([], [one], [two], [one, two], [two, one], [one, two, three])}
    assert len(roots) == 6


MOVES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 10_000), st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=25
)


@settings(max_examples=25, deadline=None)
@given(moves=MOVES, repeats=st.integers(1, 3))
def test_any_history_sums_to_zero_and_repeats_change_nothing(
    moves: list[tuple[int, int, str, str]], repeats: int
) -> None:
    store = Store(make_engine("sqlite://"))
    upgrade(store.engine)
    booked: dict[str, Posting] = {}
    for _ in range(repeats):
        for name, fen, debit, credit in moves:
            key = f"k{name}"
            wanted = Posting(key, DAY_ONE, debit, credit, Fen(fen), "m")
            try:
                with store.transaction() as session:
                    got = service.post(session, key=key, at_ms=DAY_ONE, debit=debit, credit=credit, fen=fen, memo="m")
                assert booked.setdefault(key, wanted) == got
            except LedgerConflictError:
                assert booked[key] != wanted
    with store.reading() as session:
        assert sum(service.balances(session).values()) == 0
        assert service.verify(session) == 2 * len(booked)
        for account in "abcd":
            expected = sum(p.fen for p in booked.values() if p.debit == account)
            assert service.balance(session, account) == expected
    store.close()


def test_hledger_balances_the_exported_journal(store: Store) -> None:
    """A foreign program reads the book and finds the same sums."""
    hledger = shutil.which("hledger")
    if hledger is None:
        missing("tools", "hledger is not installed")
    with store.transaction() as session:
        service.post(session, key="k1", at_ms=DAY_ONE, fen=5000, debit="bank:102", credit="purse:1", memo="load; a|b")
        service.post(session, key="k2", at_ms=DAY_ONE, fen=170, event="t.e.1", **RIDE)
        journal = "".join(service.export_hledger(session))
    for command in (["check"], ["balance", "--flat", "-O", "csv"]):
        done = subprocess.run(
            [hledger, "-f", "-", *command], input=journal, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert '"purse:1","CNY -48.30"' in done.stdout
