"""Blank chips and numbers: sums that always hold, numbers that are given once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from card.domain.identity import CardNumber, RegionCode
from issuance import stock
from issuance.database import Engine, open_store, reading, transaction
from issuance.errors import NumbersExhaustedError, SeparationError, StockShortError, UnknownSubjectError
from issuance.numbers import (
    card_number,
    lock_card_number,
    luhn_digit,
    next_chip_serial,
    next_ecard_serial,
    next_purse_serial,
    release_card_number,
    reserve_card_number,
    use_card_number,
)
from issuance.reference import load_reference
from issuance.repository import Numbers, Stocks
from issuance.rows import Base, StockRow

PLACE, BATCH = "haikou-1", "20261101"
KEEPERS = ("a", "b")
HAIKOU = RegionCode("460100")


@pytest.fixture
def memory() -> Iterator[Engine]:
    opened = open_store("sqlite://")
    yield opened
    opened.dispose()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["receive", "good", "spoil", "return"]), st.integers(1, 5), st.sampled_from("AB")),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(actions=ACTIONS)
def test_whatever_happens_the_numbers_sum(actions: list[tuple[str, int, str]]) -> None:
    engine = open_store("sqlite://")
    expected = {"received": 0, "good": 0, "spoiled": 0, "returned": 0}
    for number, (action, count, batch) in enumerate(actions):
        try:
            with transaction(engine) as session:
                if action == "receive":
                    stock.receive(session, PLACE, batch, count, KEEPERS, number)
                    expected["received"] += count
                elif action == "return":
                    stock.give_back(session, PLACE, batch, count, KEEPERS, number)
                    expected["returned"] += count
                elif action == "good":
                    stock.make_good(session, PLACE, batch, "card", number)
                    expected["good"] += 1
                else:
                    stock.make_spoiled(session, PLACE, batch, "card", "torn", number)
                    expected["spoiled"] += 1
        except StockShortError:
            pass
        with transaction(engine) as session:
            held = stock.count(session, PLACE)
        assert held.sums and held.blank >= 0
        assert {name: getattr(held, name) for name in expected} == expected
    with transaction(engine) as session:
        moves = Stocks(session).moves(PLACE)
        assert sum(move.count for move in moves if move.kind == "receive") == expected["received"]
    engine.dispose()


def test_two_keepers_sign(memory: Engine) -> None:
    for keepers in (("a", "a"), ("a", ""), ("", "")):
        with pytest.raises(SeparationError), transaction(memory) as session:
            stock.receive(session, PLACE, BATCH, 5, keepers, 0)


def test_the_store_itself_refuses_a_line_that_does_not_add_up(any_engine: Engine) -> None:
    with transaction(any_engine) as session:
        stock.receive(session, PLACE, BATCH, 5, KEEPERS, 0)
    for name in ("good", "received"):
        with pytest.raises(IntegrityError), transaction(any_engine) as session:
            line = session.get(StockRow, (PLACE, BATCH))
            setattr(line, name, 4)
            session.flush()
    with transaction(any_engine) as session:
        assert stock.count(session, PLACE) == stock.StockCount(received=5, blank=5)


def test_require(memory: Engine) -> None:
    with transaction(memory) as session:
        stock.receive(session, PLACE, BATCH, 2, KEEPERS, 0)
        stock.require(session, PLACE, BATCH, 2)
        for batch, count in ((BATCH, 3), ("20261102", 1)):
            with pytest.raises(StockShortError):
                stock.require(session, PLACE, batch, count)


@pytest.mark.parametrize(("body", "number"), [("B0000001", "B00000019"), ("X0000001", "X00000019")])
def test_card_number_check_character(body: str, number: str) -> None:
    """Samples of business-rules §4.4 and card §1.11."""
    assert card_number(body[0], int(body[1:], 36)).text == number
    with pytest.raises(ValueError, match="check"):
        CardNumber(body + ("0" if number[-1] != "0" else "1"))


def test_card_numbers_end() -> None:
    assert card_number("HZZZZZ", 36**2 - 1).text[:8] == "HZZZZZZZ"
    for running in (0, 36**2):
        with pytest.raises(NumbersExhaustedError):
            card_number("HZZZZZ", running)


def test_a_number_is_given_once_unless_it_came_back_unused(any_engine: Engine) -> None:
    with transaction(any_engine) as session:
        first, second, third = (reserve_card_number(session, f"o{n}", "H").text for n in range(3))
        assert len({first, second, third}) == 3
        use_card_number(session, first)
        lock_card_number(session, second)
        release_card_number(session, third)
        assert reserve_card_number(session, "o9", "H").text == third
        fresh = reserve_card_number(session, "o10", "H").text
        assert fresh not in (first, second, third)
        assert Numbers(session).counts() == {"01": 2, "02": 1, "03": 1}
        for spent in (first, second):
            for move in (release_card_number, use_card_number, lock_card_number):
                with pytest.raises(UnknownSubjectError):
                    move(session, spent)


def test_serials_count_by_region(memory: Engine) -> None:
    codes = load_reference().transit
    with transaction(memory) as session:
        assert [next_chip_serial(session, HAIKOU) for _ in range(2)] == [1, 2]
        assert next_chip_serial(session, RegionCode("460200")) == 1
        purse = next_purse_serial(session, HAIKOU, codes)
        assert purse.digits[:9] == "031056410" and len(purse.digits) == 20
        assert purse.asn.digits == purse.digits[4:]
        ecard = next_ecard_serial(session, HAIKOU)
        assert len(ecard) == 19 and luhn_digit(ecard[:-1]) == ecard[-1]
        assert next_ecard_serial(session, HAIKOU) != ecard


@pytest.mark.parametrize(("body", "digit"), [("7992739871", "3"), ("62170000000000000", "6"), ("0", "0")])
def test_luhn(body: str, digit: str) -> None:
    """The first is the textbook example of ISO/IEC 7812-1 annex B; the others are checked by doubling by hand."""
    assert luhn_digit(body) == digit


def test_migrations_make_the_tables_the_rows_declare(any_engine: Engine) -> None:
    with any_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/twice.db"
    first = open_store(url)
    with transaction(first) as session:
        stock.receive(session, PLACE, BATCH, 3, KEEPERS, 0)
    first.dispose()
    second = open_store(url)
    with transaction(second) as session:
        assert stock.count(session, PLACE).blank == 3
    second.dispose()


def test_a_look_keeps_no_writer_waiting_and_changes_nothing(any_engine: Engine) -> None:
    with transaction(any_engine) as session:
        stock.receive(session, PLACE, BATCH, 3, KEEPERS, 0)
    with reading(any_engine) as looking:
        assert stock.count(looking, PLACE).blank == 3
        with transaction(any_engine) as session:
            stock.make_good(session, PLACE, BATCH, "card", 1)
    with reading(any_engine) as looking:
        stock.make_good(looking, PLACE, BATCH, "card", 2)
    with reading(any_engine) as looking:
        assert stock.count(looking, PLACE) == stock.StockCount(received=3, blank=2, good=1)
