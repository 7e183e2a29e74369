"""The tables: states, result codes, line names, texts, dialects as declared."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.texts import text
from server.benefit.codes import (
    FAMILIES,
    RESULT_TEXTS,
    RULE_TEXTS,
    STATE_TEXTS,
    Retry,
    outside_codes,
    result_codes,
)
from server.benefit.dialects.grammar import Status, dialects, parse_dialect
from server.benefit.dialects.reader import read_file
from server.benefit.dialects.writer import write_file
from server.benefit.e2e import is_e2e_id, make_batch_no, make_e2e_id
from server.benefit.errors import DialectError, StateError
from server.benefit.states import (
    BATCH_MOVES,
    LINE_MOVES,
    BatchState,
    LineState,
    check_batch_move,
    check_line_move,
)

# Written out once more by hand: every move of a line there is.
LINE_TABLE = {
    ("READY", "SENT"),
    ("READY", "BLOCKED"),
    ("BLOCKED", "READY"),
    ("SENT", "PAID"),
    ("SENT", "FAILED"),
    ("SENT", "UNKNOWN"),
    ("UNKNOWN", "PAID"),
    ("UNKNOWN", "FAILED"),
    ("PAID", "REVERSED"),
    ("FAILED", "REPAID"),
    ("REVERSED", "REPAID"),
    ("REPAID", "FAILED"),
}
ROAD = ["DRAFT", "CALCULATED", "PUBLICIZED", "CHECKED", "FIN_APPROVED", "RELEASED"]
ROAD += ["SENT", "BANK_ACCEPTED", "PART_RETURNED", "RETURNED", "RECONCILED", "CLOSED"]


@pytest.mark.parametrize("old", LineState)
@pytest.mark.parametrize("new", LineState)
def test_every_cell_of_the_line_table(old: LineState, new: LineState) -> None:
    if (old.value, new.value) in LINE_TABLE:
        check_line_move(old, new)
    else:
        with pytest.raises(StateError):
            check_line_move(old, new)


def test_nothing_leads_back_to_the_bank() -> None:
    into_sent = {old for old, news in LINE_MOVES.items() if LineState.SENT in news}
    assert into_sent == {LineState.READY}
    assert not LINE_MOVES[LineState.UNKNOWN] & {LineState.READY, LineState.SENT, LineState.REPAID, LineState.BLOCKED}


def test_the_road_of_a_batch() -> None:
    for old, new in pairwise(ROAD):
        check_batch_move(BatchState(old), BatchState(new))
    with pytest.raises(StateError):
        check_batch_move(BatchState.CALCULATED, BatchState.RELEASED)
    with pytest.raises(StateError):
        check_batch_move(BatchState.SENT, BatchState.RECALLED)
    assert not BATCH_MOVES[BatchState.CLOSED] | BATCH_MOVES[BatchState.REJECTED] | BATCH_MOVES[BatchState.RECALLED]


def test_outside_codes_mean_one_thing_each() -> None:
    # Samples read off business-rules §5.5 by hand.
    assert outside_codes("agg30")["3031"] == "P102" and outside_codes("agg30")["3018"] == "P104"
    assert outside_codes("psbc")["37"] == "P102" and outside_codes("psbc")["0"] == "P000"
    assert outside_codes("iso")["BE01"] == "P102" and outside_codes("nacha")["R02"] == "P104"
    assert {family: len(outside_codes(family)) for family in FAMILIES} == {
        "iso": 16,
        "nacha": 11,
        "agg30": 29,
        "psbc": 35,
    }
    assert result_codes()["P116"].retry is Retry.QUERY and result_codes()["P113"].retry is Retry.NEVER


def test_every_code_rule_and_state_has_its_sentence() -> None:
    assert set(RESULT_TEXTS) == set(result_codes())
    assert set(STATE_TEXTS) == {state.value for state in LineState}
    for table in (RESULT_TEXTS, RULE_TEXTS, STATE_TEXTS):
        for code in table.values():
            assert text(code, "zh").next_step and text(code, "en").next_step


@given(st.integers(1, 9999), st.integers(1, 10**8 - 1), st.integers(0, 21), st.characters(codec="ascii"))
def test_a_line_name_notices_any_one_changed_character(number: int, line: int, place: int, other: str) -> None:
    name = make_e2e_id(make_batch_no("20260302", number), line)
    assert is_e2e_id(name) and len(name) == 24
    changed = name[: place + 2] + other + name[place + 3 :]
    assert is_e2e_id(changed) == (changed == name)


def test_dialects_differ_and_cover_the_cooperating_banks() -> None:
    found = dialects()
    assert set(found) == {"102", "103", "105", "313", "402", "403"}
    assert len({(d.encoding, d.newline, d.delimiter, d.money, d.codes, d.fixed) for d in found.values()}) == 6
    assert all(set(d.statuses.values()) == set(Status) for d in found.values())


CELL_TEXT = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=6)


@pytest.mark.parametrize("bank", ["102", "103", "105", "313", "402", "403"])
@given(name=CELL_TEXT, fen=st.integers(1, 10**12), count=st.integers(0, 3))
def test_what_is_written_reads_back(bank: str, name: str, fen: int, count: int) -> None:
    dialect = dialects()[bank]
    status = next(key for key, value in dialect.statuses.items() if value is Status.FAILED)
    lines = [
        {
            "line": number,
            "e2e_id": make_e2e_id("PB202603020001", number),
            "acct_no": "6210200000000000017",
            "name": name,
            "amount": fen,
            "status": status,
            "code": "P102",
            "raw_code": next(raw for raw, code in outside_codes(dialect.codes).items() if code == "P102"),
            "msg": "户名不符",
            "paid_at": "",
            "bank_serial": "",
        }
        for number in range(1, count + 1)
    ]
    header = {"batch_no": "PB202603020001", "file_no": 1, "bank_date": "20260302"}
    totals = {"count": count, "total": count * fen, "count_fail": count, "sum_fail": count * fen}
    totals |= {"count_ok": 0, "sum_ok": 0}
    raw = write_file(dialect, dialect.answer, header | totals, lines, totals)
    found = read_file(dialect, dialect.answer, raw)
    assert [row.number("amount") for row in found.details] == [fen] * count
    assert all(row.values.get("name", name) == name for row in found.details)
    assert found.total("sum_fail") == count * fen


@pytest.mark.parametrize(
    "damage",
    ["name = ", '[dialect]\nname = "x"', "", "[[[["],
)
def test_half_a_dialect_is_refused(damage: str) -> None:
    with pytest.raises(DialectError):
        parse_dialect(damage)
