"""What worlds have found, told step by step: these stay, whatever becomes of the seeds that found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from card.domain.decision import Grant
from card.domain.event import Outcome
from card.domain.money import Fen
from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.card.faults import Fault
from firmware_sim.world.book import read
from firmware_sim.world.frail import APPEND, RESOLVE, Death
from firmware_sim.world.invariants import ALWAYS, SETTLED, inspect
from firmware_sim.world.line import Mishap
from firmware_sim.world.outboxes import Newest
from firmware_sim.world.people import TEMPORARY_LOSS, Holder
from firmware_sim.world.settle import settle
from firmware_sim.world.steps_cards import INS_DEBIT, INS_LOAD
from firmware_sim.world.street import quick_folder
from firmware_sim.world.terminals import BATCH, Station
from firmware_sim.world.world import World
from terminal.scenes.hotel import StayRequest
from terminal.tap import TapResult
from terminal.uploader import Uploader


@pytest.fixture
def world() -> Iterator[World]:
    """A town where nothing happens by itself."""
    with quick_folder() as folder:
        world = World(4711, Path(folder))
        yield world
        world.close()


@pytest.fixture
def rider(world: World) -> Holder:
    """An adult with money in the purse."""
    return next(h for h in world.holders if h.birth == "19900101" or world.truth.balance(h.card.asn) > 1_000)


def end(world: World) -> None:
    """Settle, and demand every invariant."""
    settle(world)
    findings = inspect(world, read(world), ALWAYS + SETTLED)
    assert not [finding for finding in findings if not finding.ok]


def load(world: World, holder: Holder, amount: int) -> int | None:
    """A visit to the kiosk; what the chip says was loaded."""
    kiosk = world.stations["kiosk-1"].kiosk

    def visit() -> TapResult | None:
        kiosk.insert()
        opened = kiosk.enter_pin(TWIN_PIN)
        done = kiosk.load(Fen(amount)) if isinstance(opened.decision, Grant) else None
        kiosk.leave()
        return done

    return world.present(world.stations["kiosk-1"], holder.card, visit)[1].loaded


def tap(world: World, bus: Station, holder: Holder) -> tuple[TapResult | None, int | None]:
    """A tap; its result and what the chip says was debited."""
    result, moved = world.present(bus, holder.card, bus.bus.tap)
    return result, moved.debited


def test_a_load_of_the_same_number_is_not_the_torn_ride(world: World, rider: Holder) -> None:
    """The log holds rides and loads; each counts its own sequence, and both begin with 1 here."""
    bus = world.stations["bus-1"]
    world.tear(bus, Fault("drop_answer", INS_DEBIT))
    assert tap(world, bus, rider)[1] is not None
    assert load(world, rider, 500) == 500
    world.clock.advance(400)
    tap(world, bus, rider)
    first = next(iter(read(world).journals.values()))
    assert (first["body"]["offline_seq"], first["body"]["outcome"]) == (1, "posted")
    end(world)


@pytest.mark.parametrize("late_amount", [500, 2_000])
def test_a_late_load_request_does_not_take_the_next_load_away(world: World, rider: Holder, late_amount: int) -> None:
    line = world.stations["kiosk-1"].line
    line.mishaps = [Mishap.LATE]
    assert load(world, rider, late_amount) is None
    world.clock.advance(10)
    line.mishaps = [Mishap.NONE, Mishap.LATE_ARRIVES]
    assert load(world, rider, 2_000) == 2_000
    end(world)
    assert read(world).sums()[f"purse:{rider.card.asn}"] == world.truth.balance(rider.card.asn)


def test_a_kiosk_killed_before_its_journal_gives_the_money_back(world: World, rider: Holder) -> None:
    kiosk = world.stations["kiosk-1"]
    kiosk.journal.death = Death(APPEND, after=False, nth=2)
    assert load(world, rider, 1_000) is None
    end(world)
    assert [state for state, _ in read(world).loads] == ["voided"]


@pytest.mark.parametrize("write", [Death(APPEND, after=True), Death(RESOLVE, after=False)])
def test_a_guest_registered_as_the_desk_was_killed_has_an_event(world: World, rider: Holder, write: Death) -> None:
    desk = world.stations["hotel-1"]
    desk.journal.death = write
    result, _ = world.present(desk, rider.card, lambda: desk.hotel.check_in(StayRequest("0801")))
    assert result is None and world.done["process died"] == 1
    world.count("registered")
    end(world)
    assert [data["body"]["outcome"] for data in read(world).journals.values()] == ["posted"]


def test_a_kiosk_page_killed_while_it_opens_is_voided(world: World, rider: Holder) -> None:
    world.stations["kiosk-1"].journal.death = Death(APPEND, after=True)
    load(world, rider, 1_000)
    end(world)
    assert [data["body"]["outcome"] for data in read(world).journals.values()] == ["voided"]


def test_a_hole_left_by_newer_events_does_not_lose_the_older_ones(world: World, rider: Holder) -> None:
    bus = world.stations["bus-1"]
    for _ in range(5):
        world.clock.advance(30)
        tap(world, bus, rider)
    Uploader(Newest(bus.device.journal, 2), bus.device.uplink, bus.device.key, BATCH).run()
    world.clock.advance(30)
    tap(world, bus, rider)
    report = bus.uploader.run()
    assert report.sent == 4 and {verdict.value for verdict in report.verdicts} == {"accepted"}
    end(world)


def test_a_torn_load_is_credited_once(world: World, rider: Holder) -> None:
    world.tear(world.stations["kiosk-1"], Fault("drop_answer", INS_LOAD))
    assert load(world, rider, 1_000) == 1_000
    world.clock.advance(20)
    assert load(world, rider, 500) == 500
    end(world)
    assert sorted((state, found.amount) for state, found in read(world).loads) == [("posted", 500), ("posted", 1_000)]


def test_a_torn_tap_is_the_ride_of_the_next_one(world: World, rider: Holder) -> None:
    bus = world.stations["bus-1"]
    world.tear(bus, Fault("tear_after_write", INS_DEBIT))
    torn, debited = tap(world, bus, rider)
    world.clock.advance(5)
    again, twice = tap(world, bus, rider)
    assert torn is not None and torn.outcome is None and debited is not None
    assert again is not None and again.outcome is not Outcome.POSTED and twice is None
    end(world)


def test_a_load_whose_proof_is_gone_is_proven_by_the_next_one(world: World, rider: Holder) -> None:
    """It locked its holder out of the kiosk for ever; now the next MAC1, one sequence further, attests it."""
    kiosk = world.stations["kiosk-1"]
    world.tear(kiosk, Fault("drop_answer", INS_LOAD))
    assert load(world, rider, 1_000) == 1_000
    tap(world, world.stations["bus-1"], rider)
    assert load(world, rider, 500) == 500
    end(world)
    assert sorted((state, found.amount) for state, found in read(world).loads) == [("posted", 500), ("posted", 1_000)]


def test_an_uncertain_ride_beyond_the_rest_of_a_lost_card_is_refunded(world: World, rider: Holder) -> None:
    """The scheme bore what the lost card no longer covered, and gets it back when the ride turns out not charged."""
    bus, card = world.stations["bus-1"], rider.card
    world.tear(bus, Fault("tear_before_write", INS_DEBIT))
    assert tap(world, bus, rider)[1] is None
    spend = world.stations["bus-2"]
    while tap(world, spend, rider)[1] is not None:
        world.clock.advance(30)
    spend.uploader.run()
    world.office.change(rider, card, TEMPORARY_LOSS)
    world.clock.advance(700)
    assert world.sync(bus)
    end(world)
