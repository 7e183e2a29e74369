"""The simulated police: what the register answers, and the receipts of its desk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock
from firmware_sim.applicants import generate
from firmware_sim.police import SimulatedPolice
from issuance.population import PopulationAnswer, PopulationQuestion
from keys.errors import ProductionRefusedError
from server.hotel.police import PoliceDownError, StayReport

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def question(row: dict[str, str], **changes: str) -> PopulationQuestion:
    given = {name: row[name] for name in ("id_type", "id_no", "name", "sex", "birth_date")} | changes
    return PopulationQuestion(**given)


def stay(number: str) -> StayReport:
    return StayReport(number, "hotel", "site", "301", 1_000, 1, "某人", "460000199001010011")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOON)


def test_register_of_a_file(tmp_path: Path, clock: SteppedClock) -> None:
    made = generate(80, 5)
    police = SimulatedPolice.knowing(made.write(tmp_path / "a.csv"), clock)
    known = made.rows[0]
    assert police.compare(question(known)) is PopulationAnswer.SAME
    for changes in ({"name": "别人"}, {"sex": "9"}, {"birth_date": "19000101"}):
        assert police.compare(question(known, **changes)) is PopulationAnswer.MISMATCH
    assert police.compare(question(known, id_no="460000190001010000")) is PopulationAnswer.NO_DATA
    planted = {row["id_no"]: row for row in made.rows if row["id_no"] in made.plants}
    assert len(planted) == 3
    for number, row in planted.items():
        assert police.compare(question(row)) is made.plants[number]


def test_switched_off(tmp_path: Path, clock: SteppedClock) -> None:
    made = generate(5, 5)
    police = SimulatedPolice.knowing(made.write(tmp_path / "a.csv"), clock)
    police.answering = False
    assert police.compare(question(made.rows[0])) is PopulationAnswer.FAILED
    with pytest.raises(PoliceDownError):
        police.register_stay(stay("s1"))
    police.answering = True
    assert police.compare(question(made.rows[0])) is PopulationAnswer.SAME


def test_one_stay_one_receipt_over_restarts(tmp_path: Path, clock: SteppedClock) -> None:
    state = tmp_path / "police.json"
    police = SimulatedPolice(clock, state)
    first, second = police.register_stay(stay("s1")), police.register_stay(stay("s2"))
    assert first.receipt_no == "LG20261123000001" and second.receipt_no != first.receipt_no
    assert first.result == "registered"
    assert police.register_stay(stay("s1")) == first
    assert SimulatedPolice(clock, state).register_stay(stay("s2")) == second
    assert "460000199001010011" not in state.read_text("utf-8")


def test_it_says_what_it_is_and_serves_no_production(clock: SteppedClock, capsys: pytest.CaptureFixture[str]) -> None:
    SimulatedPolice._announced = False
    SimulatedPolice(clock)
    SimulatedPolice(clock)
    assert capsys.readouterr().err.count("STAND-IN") == 1
    with pytest.raises(ProductionRefusedError):
        SimulatedPolice(clock, profile="production")
