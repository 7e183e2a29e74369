"""Stopped anywhere, a ceremony is void and says what to destroy; it is closed or it made nothing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from card.errors import NoCardError
from firmware_sim.card.faults import Fault
from firmware_sim.ceremony.drill import recovery_of
from firmware_sim.ceremony.table import SLOT, MemoryCards, RehearsedTable
from keys.ceremony.errors import CeremonyError, NotConfirmedError, PlanError, QuorumError, VoidError
from keys.ceremony.holding import ceremony_folder, hold, unfinished
from keys.ceremony.plan import Plan
from keys.ceremony.recovery import recover
from keys.ceremony.standing import artefact_of, standing
from keys.ceremony.transcript import NAME, Transcript, closed, read_transcript
from tests.keys.ceremony.documents import policy

ANY = -1
CUTS = 85
ASKING = ("confirm", "new_pin", "pin", "lines")


class Interrupted:
    """A desk at which something happens at the n-th question."""

    def __init__(self, table: RehearsedTable, nth: int, happens: Callable[[], object]) -> None:
        self._desk, self._left, self._happens = table.desk, nth, happens

    def __getattr__(self, name: str) -> Any:
        if name in ASKING:
            self._left -= 1
            if not self._left:
                self._happens()
        return getattr(self._desk, name)


def raising(error: BaseException) -> Callable[[], object]:
    def happens() -> object:
        raise error

    return happens


def table_of(plan: Plan) -> RehearsedTable:
    table = RehearsedTable(plan, MemoryCards(), 1)
    table.new_cards(plan)
    return table


def judged(plan: Plan, out: Path, error: VoidError | None) -> bool:
    """True when closed. Void: no artefact, the error and the folder agree on what was touched."""
    folder = ceremony_folder(out, plan.head.id, rehearsal=True)
    found = standing(folder)
    left = sorted(path.name for path in folder.iterdir())
    assert found.closed is (error is None)
    if error is None:
        assert left == [f"{plan.head.id}.REHEARSAL.json", NAME]
        return True
    assert left == [NAME], "nothing half done stays"
    assert found.destroy == error.destroy
    assert found.records[-1]["what"] == "void"
    touched = {row["serial"] for row in found.records if row["what"] == "card-begun"}
    assert {f"card {serial}" for serial in touched} <= set(error.destroy)
    with pytest.raises(VoidError):
        artefact_of(folder)
    return False


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), EOFError(), NotConfirmedError("x")], ids=lambda e: type(e).__name__
)
def test_stopped_at_every_question(error: BaseException, tmp_path: Path) -> None:
    plan, nth, done = policy("shares", 3, 2), 0, False
    while not done:
        nth += 1
        table = table_of(plan)
        object.__setattr__(table.room, "desk", Interrupted(table, nth, raising(error)))
        out, void = tmp_path / str(nth), None
        try:
            hold(plan, out, table.room)
        except VoidError as stopped:
            void = stopped
        done = judged(plan, out, void)
    assert nth > 20


def test_the_card_torn_at_every_moment(tmp_path: Path) -> None:
    """After a card's last answer a cut harms nothing: that ceremony closes. Every other cut makes it void."""
    plan, closings = policy("components", 2, 2), []
    for nth in range(1, CUTS):
        table = table_of(plan)
        table.cards.rack.fault(SLOT, Fault("cut", ANY, nth))  # type: ignore[union-attr]
        out, void = tmp_path / str(nth), None
        try:
            hold(plan, out, table.room)
        except VoidError as stopped:
            void = stopped
        if judged(plan, out, void):
            closings.append(nth)
    assert len(closings) < CUTS // 3
    assert CUTS - 1 in closings, "more cuts than the ceremony has moments"


def test_a_card_pulled_at_every_question(tmp_path: Path) -> None:
    """Pulled while nobody uses it, it is put back at the next step, or the ceremony is void."""
    plan, nth, outcomes = policy("shares", 3, 2), 0, set()
    while nth < 25:
        nth += 1
        table = table_of(plan)
        rack = table.cards.rack  # type: ignore[union-attr]
        object.__setattr__(table.room, "desk", Interrupted(table, nth, lambda rack=rack: rack.eject(SLOT)))
        out, void = tmp_path / str(nth), None
        try:
            hold(plan, out, table.room)
        except VoidError as stopped:
            void = stopped
        outcomes.add(judged(plan, out, void))
    assert outcomes == {True, False}


def test_wrong_pins_until_the_card_is_blocked(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = table_of(plan)
    table.desk.wrong.add(plan.name("c2"))
    with pytest.raises(VoidError, match="E-CUSTODY-BLOCKED") as void:
        hold(plan, tmp_path, table.room)
    assert not judged(plan, tmp_path, void.value)
    assert {f"card {holder.serial}" for holder in plan.holders} <= set(void.value.destroy)


def test_no_card_no_ceremony(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = RehearsedTable(plan, MemoryCards(), 1)
    with pytest.raises(VoidError) as void:
        hold(plan, tmp_path, table.room)
    assert isinstance(void.value.__cause__, NoCardError)
    assert void.value.destroy == ()


def test_a_used_card_is_refused(tmp_path: Path) -> None:
    plan, again = policy("shares", 3, 2), policy("shares", 3, 2, "T-2")
    table = table_of(plan)
    hold(plan, tmp_path, table.room)
    with pytest.raises(VoidError, match="is not new") as void:
        hold(again, tmp_path, table.room)
    assert void.value.destroy == (), "the used card was not touched"


def test_killed_at_every_byte_it_is_void_until_the_closing_line_is_whole(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    folder = hold(plan, tmp_path, table_of(plan).room).folder
    name = standing(folder).path
    assert name is not None
    raw = (folder / NAME).read_bytes()
    name.replace(unfinished(name))  # killed before it got its name
    first = raw.index(b"\n") + 1
    for size in range(first, len(raw), 7):
        (folder / NAME).write_bytes(raw[:size])
        found = standing(folder)
        assert (found.closed, found.artefact, name.exists()) == (False, None, False)
        whole = [json.loads(line) for line in raw[:size].split(b"\n")[:-1]]
        cards = [f"card {row['serial']}" for row in whole if row["what"] == "card-begun"]
        assert list(found.destroy[: len(cards)]) == cards
        assert len(found.destroy) == len(cards) + sum(row["what"] == "sheet-begun" for row in whole)
    (folder / NAME).write_bytes(raw)
    assert standing(folder).closed
    assert name.exists(), "closed: it gets its name"


class Clumsy(Transcript):
    """Interrupted in the middle of writing the closing line: before it, half of it, after it."""

    moment = ""

    def add(self, what: str, **facts: Any) -> Any:
        if what != "closed":
            return super().add(what, **facts)
        if self.moment == "after":
            super().add(what, **facts)
            self._records.pop()
        if self.moment == "half":
            self._file.write(b'{"at_ms":1,"n":')
            self._file.flush()
            os.fsync(self._file.fileno())
        raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_interrupted_while_closing(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = policy("shares", 3, 2)
    monkeypatch.setattr(Clumsy, "moment", moment)
    monkeypatch.setattr("keys.ceremony.holding.Transcript", Clumsy)
    void = None
    try:
        hold(plan, tmp_path, table_of(plan).room)
    except VoidError as stopped:
        void = stopped
    assert judged(plan, tmp_path, void) is (moment == "after")


def test_a_stopped_recovery_leaves_nothing_to_destroy_and_can_be_repeated(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = table_of(plan)
    folder = hold(plan, tmp_path, table.room).folder
    desk, nth = table.desk, 0
    while True:
        nth += 1
        object.__setattr__(table.room, "desk", Interrupted(table, nth, raising(KeyboardInterrupt())))
        again = recovery_of(plan, plan.holders[1:], nth)
        try:
            recovered = recover(again, folder, tmp_path, table.room)
            break
        except VoidError as void:
            assert void.destroy == ()
            where = ceremony_folder(tmp_path, again.head.id, rehearsal=True)
            assert not closed(read_transcript(where / NAME))
    assert nth > 8
    assert len(recovered.keys) == 3
    object.__setattr__(table.room, "desk", desk)


def test_a_recovery_is_refused_before_it_begins(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = table_of(plan)
    folder = hold(plan, tmp_path, table.room).folder
    before = sorted(tmp_path.iterdir())
    other = policy("shares", 3, 2, "T-9")
    cases: list[tuple[Any, type[CeremonyError]]] = [
        (recovery_of(plan, plan.holders[:1], 0), QuorumError),
        (recovery_of(other, plan.holders, 0), PlanError),
        (recovery_of(policy("shares", 5, 2), policy("shares", 5, 2).holders[2:], 0), PlanError),
    ]
    for recovery, error in cases:
        with pytest.raises(error):
            recover(recovery, folder, tmp_path, table.room)
    assert sorted(tmp_path.iterdir()) == before


def test_the_paper_and_the_card_of_one_holder_are_one_part(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = table_of(plan)
    folder = hold(plan, tmp_path, table.room).folder
    twice = recovery_of(plan, [plan.holders[0]], 0)
    paper = recovery_of(plan, [plan.holders[0]], 1)
    both = type(twice)(twice.head, twice.persons, (*twice.holders, *paper.holders), twice.digest)
    with pytest.raises(QuorumError):
        recover(both, folder, tmp_path, table.room)
