"""Crashes, repeats and crowds: whatever happens between storing and booking, every event is booked exactly once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from server.context import Context, StoredEvent
from server.database import Session
from server.events.projection import carry
from server.events.store import Batch, Incoming, Verdict, walk
from server.main import PROJECTORS
from tests.server.house import API, House, open_house
from tests.server.roads import ride


class Cut(Exception):
    """The power goes out."""


def test_a_cut_between_storing_and_booking_books_once_afterwards(house: House) -> None:
    bus = house.enrol("bus-1", "bus", psam_no="460000000001")
    purse = house.purse(1)
    purse.balance = 1000
    rides = [ride(bus, purse) for _ in range(3)]
    calls = 0

    def cut(context: Context, session: Session, stored: StoredEvent) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Cut
        return PROJECTORS["bus"](context, session, stored)

    context = house.context
    house.app.state.carrier = _Nothing()
    bus.upload(rides)
    with pytest.raises(Cut):
        carry(context, {"bus": cut})
    assert house.balances() == {}
    assert carry(context, PROJECTORS) == 3
    assert carry(context, PROJECTORS) == 0
    assert house.balances()["operator:haikou-bus"] == -510
    assert house.invariants()["events_posted_once"]["ok"]


class _Nothing:
    async def stored(self) -> None: ...
    async def close(self) -> None: ...


def test_many_at_once_store_and_book_each_event_once(house: House) -> None:
    """Four buses, each batch uploaded three times by several threads at once."""
    bodies: list[dict[str, Any]] = []
    for number in range(4):
        bus = house.enrol(f"bus-{number}", "bus", psam_no=f"46000000000{number}")
        purse = house.purse(number)
        purse.balance = 10_000
        for _ in range(3):
            bodies += [bus.batch([ride(bus, purse) for _ in range(5)])] * 3
    with ThreadPoolExecutor(6) as crowd:
        answers = list(crowd.map(lambda body: house.client.post(f"{API}/events:batch", json=body), bodies))
    assert {answer.status_code for answer in answers} == {200}
    verdicts = [row["verdict"] for answer in answers for row in answer.json()["results"]]
    assert (verdicts.count("accepted"), verdicts.count("duplicate")) == (60, 120)
    assert house.balances()["operator:haikou-bus"] == -60 * 170
    invariants = house.invariants()
    assert all(item["ok"] for item in invariants.values()), invariants


def test_two_claims_in_one_group_are_one_debit(house: House) -> None:
    """Below HTTP: the same debit from two terminals in one commit group."""
    store = house.app.state.events

    async def both() -> list[str]:
        batches = [Batch(f"46000000000{n}", "00" * 8, 1, (_debit(n),)) for n in (1, 2)]
        receipts = await asyncio.gather(*(store.add(batch) for batch in batches))
        return sorted(receipt.results[0].verdict.value for receipt in receipts)

    portal = house.client.portal
    assert portal is not None
    assert portal.call(both) == ["conflict", "suspect"]


def _debit(number: int) -> Incoming:
    terminal = f"46000000000{number}"
    return Incoming(terminal, "00" * 8, 1, bytes(32), b"{}", Verdict.SUSPECT, claim="purse:7", owner=f"{terminal}.x.1")


def test_background_carrying_ends_with_the_server(store_url: str, tmp_path: Path) -> None:
    with open_house(store_url, tmp_path, carry="background") as house:
        bus = house.enrol("bus-1", "bus", psam_no="460000000001")
        purse = house.purse(1)
        purse.balance = 10_000
        for _ in range(5):
            assert bus.verdicts([ride(bus, purse)]) == [("accepted", "")]
        portal = house.client.portal
        assert portal is not None
        portal.call(house.app.state.carrier.close)
        assert house.balances()["operator:haikou-bus"] == -850


def test_a_one_threaded_server_does_the_same(tmp_path: Path) -> None:
    with open_house("sqlite://", tmp_path, worker_threads=0) as house:
        bus = house.enrol("bus-1", "bus", psam_no="460000000001")
        purse = house.purse(1)
        purse.balance = 1000
        assert bus.verdicts([ride(bus, purse)]) == [("accepted", "")]
        assert house.balances()["operator:haikou-bus"] == -170


def test_stored_bytes_are_the_received_bytes(house: House) -> None:
    bus = house.enrol("bus-1", "bus", psam_no="460000000001")
    raw = ride(bus, house.purse(1), birth="19500101")
    bus.upload([raw])
    with house.context.store.reading() as session:
        assert bytes(session.execute(text("SELECT raw FROM events")).scalar_one()) == raw


@pytest.mark.parametrize(
    "through, seqs, unbroken, gaps",
    [
        (0, [], 0, ()),
        (0, [1, 2, 3], 3, ()),
        (0, [2], 0, ((1, 1),)),
        (3, [4, 7, 8, 12], 4, ((5, 6), (9, 11))),
        (3, [5], 3, ((4, 4),)),
    ],
)
def test_holes_of_a_sequence(through: int, seqs: list[int], unbroken: int, gaps: tuple[tuple[int, int], ...]) -> None:
    assert walk(through, seqs) == (unbroken, gaps)
