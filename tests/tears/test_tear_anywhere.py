"""Power taken at every moment of every operation: money and counters stand, and the screens say what became of it."""

import json
from collections.abc import Callable, Mapping

import pytest

from firmware_sim.card.cuts import CutPlan
from firmware_sim.card.faults import PLACES, FaultPlan
from firmware_sim.card.store import MemoryStorage, NonVolatile
from firmware_sim.tears import loads, rides, upkeep
from firmware_sim.tears.command import OPERATIONS, main_tears
from firmware_sim.tears.cutting import Enumeration, Operation, Scene, count, cut_at, cut_twice, enumerate_cuts, table
from firmware_sim.tears.makings import MAKING, Making, enumerate_makings
from firmware_sim.tears.rides import Ride
from terminal.screen import Screen, Tone, screen


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_cut_of_an_operation_is_settled(operation: Operation) -> None:
    found = enumerate_cuts(operation)
    print("\n".join(table([found])))
    assert found.wrong == ()
    assert len(found.cuts) == len(found.points) == 2 * found.answers + 2 * found.writes > 10
    assert found.ended("completed") > 0 and found.ended("undone") > 0
    assert found.ended("completed") + found.ended("undone") == len(found.cuts)


def test_every_cut_of_a_personalisation_is_resumed() -> None:
    """The machine's whole script: more than 400 cuts, every one ends in the very card that an untorn run makes."""
    found = enumerate_makings()
    print("\n".join(table([found])))
    assert found.wrong == ()
    assert len(found.points) > 400 and found.writes > 50
    assert set(found.screens) == {"S-CHIP-RESUMED"}


@pytest.mark.parametrize("number", [1, 20, 37, 38, 120, 200, 303, 304, 305, 306, 307, 420])
def test_cuts_with_one_memory_have_one_future(number: int) -> None:
    """What `enumerate_makings` saves itself: here the machine really loses its chip at that moment and goes on."""
    assert cut_at(MAKING, number).settled.wrong == ()


TWICE = [rides.COMPOUND, rides.COMPOUND_PSAM, upkeep.PIN, upkeep.RECORDS, upkeep.KEY, upkeep.MASTER_KEY]


@pytest.mark.parametrize("operation", TWICE, ids=lambda operation: operation.name)
def test_a_recovery_that_is_cut_is_settled_too(operation: Operation) -> None:
    """Each fifth cut, and the next session cut at every moment of its own; `onecard tears --twice` does all of them."""
    only = range(len(count(operation)), 0, -5)
    found = cut_twice(operation, only)
    assert found.wrong == ()
    assert len(found.cuts) > 5 * len(only)


def test_a_load_is_cut_twice_around_its_commit() -> None:
    points = count(loads.LOAD)
    commit = next(point.number for point in points if point.ins == 0x52 and point.place == "tear_after_write")
    assert cut_twice(loads.LOAD, (commit - 1, commit)).wrong == ()


def test_the_moments_of_a_command_come_in_order() -> None:
    """A debit: one write, then its answer; the answer waits, so the GET RESPONSE has two moments more."""
    points = [point for point in count(rides.COMPOUND) if point.ins == 0x54]
    assert tuple(point.place for point in points) == PLACES
    after = [point for point in count(rides.COMPOUND) if point.number > points[-1].number]
    assert [(point.place, point.ins) for point in after] == [("drop_answer", 0xC0), ("tear_after_answer", 0xC0)]


def test_the_table_has_a_row_for_each_and_a_sum() -> None:
    rows = table([enumerate_cuts(upkeep.PIN), enumerate_cuts(upkeep.KEY)])
    assert len(rows) == 4 and rows[1].startswith("PIN change") and rows[-1].split()[0] == "all"
    assert int(rows[-1].split()[3]) == sum(int(row.split()[-4]) for row in rows[1:3])


def test_a_moment_that_is_not_there_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="has no moment"):
        cut_at(upkeep.PIN, 1_000)


def test_the_command_prints_every_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_tears(["PIN change", "key change"]) == 0
    printed = capsys.readouterr().out
    wanted = {operation.name for operation in OPERATIONS if operation.name.startswith(("PIN", "key change"))}
    assert len(wanted) == 6 and all(name in printed for name in wanted) and "load" not in printed
    assert main_tears(["free to read", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["operation"], line["cuts"], line["wrong"]) == (upkeep.OPEN_RECORDS.name, line["points"], [])
    assert main_tears(["--thrice"]) == 64 and main_tears(["cooking"]) == 64


# ---- the enumeration can fail ---------------------------------------------------------------------------------------


class Piecemeal(NonVolatile):
    """A chip that writes one value after the other where one commit was meant."""

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        for name, value in changes.items():
            super().commit({name: value})


class PiecemealRide(Ride):
    def __init__(self) -> None:
        super().__init__("card", compound=True)
        self._card.chip.nv = Piecemeal(MemoryStorage(self._card.values))


class SilentPin(upkeep.PinChange):
    """A counter that says the PIN was changed whatever happened."""

    def deed(self) -> Screen:
        super().deed()
        return screen(self.done, Tone.GO)


class UnprovenKey(upkeep.KeyChange):
    """A counter that never looks which key the card holds."""

    def ask(self) -> Screen:
        return screen("S-KEY-COMPLETED", Tone.GO)


BROKEN: dict[str, Callable[[], Scene]] = {
    "a debit in several writes": PiecemealRide,
    "a counter that always says done": SilentPin,
    "a key that nobody proves": UnprovenKey,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str) -> None:
    found = enumerate_cuts(Operation(name, name, BROKEN[name]))
    assert found.wrong, f"{len(found.cuts)} cuts and nothing wrong"


def test_a_chip_that_is_not_wiped_of_a_blank_shows() -> None:
    """A memory that differs in one byte from the untorn card is told by its name."""
    making = Making()
    making.run()
    making.chip.chip.nv.commit({"ef/SSSE/EF06/04": b"\x0a\x01\x39"})
    settled = making.settle(FaultPlan())
    assert any("ef/SSSE/EF06/04" in line for line in settled.wrong)


def test_an_enumeration_counts_what_it_says() -> None:
    found: Enumeration = enumerate_cuts(upkeep.PIN, only=(1, 2))
    assert [cut.point.number for cut in found.cuts] == [1, 2] and len(found.points) > 10
    plan = CutPlan(2)
    assert not plan.fired
