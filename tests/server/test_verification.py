"""`audit verify` names the first row that was changed behind the server's back, and leaves honest books alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server.cli import audit_verify
from tests.server.house import House, open_house
from tests.server.parish import Parish
from tests.server.roads import Town, ride


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server whose books are a file, with a few days of life."""
    with open_house("", tmp_path) as opened:
        town = Town(opened)
        town.person(1)
        town.card(1)
        purse = opened.purse(1)
        purse.balance = 1000
        bus = opened.enrol("bus-1", "bus", psam_no="460000000001")
        bus.upload([ride(bus, purse) for _ in range(3)])
        yield opened


def test_honest_books_verify(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_verify([str(tmp_path)]) == 0
    assert audit_verify([str(tmp_path), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out.splitlines()[-1])["checks"]
    assert {item["name"]: item["count"] for item in checks} == {
        "ledger chain": 6,
        "ledger sums": 2,
        "event chains": 3,
        "events kept": 3,
        "loads": 0,
        "unloads": 0,
        "clearing": 0,
        "payment lines": 0,
        "access log chain": 3,
    }


@pytest.mark.parametrize(
    "statement, named",
    [
        ("UPDATE postings SET fen = fen * 2 WHERE position = 2", "ledger main 2026-11-23 row 2"),
        ("DELETE FROM postings WHERE position = 5", "row 5"),
        ("UPDATE events SET raw = replace(raw, 'K1', 'K2') WHERE seq = 2", ".2: the bytes do not match"),
        ("UPDATE events SET outcome = 'voided' WHERE seq = 2", ".2: its columns say other things"),
        ("DELETE FROM events WHERE seq = 2", ".2: was taken in and is gone"),
        ("DELETE FROM events WHERE seq = 3", ".3: was taken in and is gone"),
        ("DELETE FROM event_epochs", "from a journal that nobody knows"),
        ("UPDATE event_epochs SET through = 2, highest = 2", ".3: was never taken in"),
        ("UPDATE access_log SET actor = 'nobody' WHERE position = 1", "access log main 2026-11-23 row 1"),
        ("DELETE FROM access_log WHERE position = 2", "ends at row 2"),
    ],
)
def test_a_changed_row_is_named(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, named: str
) -> None:
    with house.context.store.transaction() as session:
        session.execute(text(statement))
    assert audit_verify([str(tmp_path)]) == 1
    assert "BROKEN" in (out := capsys.readouterr().out)
    assert named in out or "its head says" in out


def test_events_that_are_gone_with_their_journal_are_missed_by_the_books(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with house.context.store.transaction() as session:
        session.execute(text("DELETE FROM events"))
        session.execute(text("DELETE FROM event_epochs"))
    assert audit_verify([str(tmp_path)]) == 1
    assert "has a posting and is gone" in capsys.readouterr().out


def test_without_books_nothing_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_verify([str(tmp_path)]) == 2
    assert "onecard demo" in capsys.readouterr().err


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[House]:
    """Books with a load, three rides cleared and a payment run."""
    with open_house("", tmp_path) as opened:
        parish = Parish(opened)
        opened.context.connectors.banks["102"] = parish.bank  # type: ignore[index]
        for number in (1, 2):
            parish.citizen(number)
        parish.pay("202611", 1, 2)
        purse = opened.purse(1)
        kiosk = opened.enrol("kiosk-1", "kiosk")
        wish = purse.load_wish(5000, kiosk.terminal_no)
        answer = kiosk.post("/purse/loads", wish)
        kiosk.post(f"/purse/loads/{answer['load_id']}:finish", purse.credit(wish, answer))
        bus = opened.enrol("bus-1", "bus", operator="haikou-bus", psam_no="460000000001")
        bus.upload([ride(bus, purse) for _ in range(3)])
        opened.console.post("/operator/clearing", {"date": "20261123", "bank": "102"})
        yield opened


@pytest.mark.parametrize(
    "statement, named",
    [
        ("UPDATE purse_loads SET state = 'voided'", "load:"),
        ("UPDATE purse_loads SET amount = amount + 1", "held: says 5001, the ledger 5000"),
        ("DELETE FROM purse_loads", "its load is gone"),
        ("UPDATE clearing_items SET fen = fen + 1 WHERE rowid = 1", "clearing of event:"),
        ("DELETE FROM clearing_items WHERE rowid = 1", "says 3 items, 2 are there"),
        ("UPDATE clearing_items SET run = 9 WHERE rowid = 2", "belongs to no run"),
        ("UPDATE clearing_runs SET fen = fen - 1", "clearing run haikou-bus"),
        ("UPDATE benefit_lines SET fen = fen * 2 WHERE line_no = 1", "payment line PB"),
        ("UPDATE benefit_lines SET state = 'FAILED' WHERE line_no = 2", "its life ended elsewhere"),
    ],
)
def test_what_stands_beside_the_ledger_must_say_the_same(
    busy: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, named: str
) -> None:
    assert audit_verify([str(tmp_path)]) == 0, capsys.readouterr().out
    with busy.context.store.transaction() as session:
        session.execute(text(statement))
    assert audit_verify([str(tmp_path)]) == 1
    assert named in capsys.readouterr().out
