"""What whoever stands behind `issuance.population.Population` must answer: `--replace population=MODULE:FACTORY`.

The factory's register must know the person KNOWN and nobody with the number UNKNOWN.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from card.domain.clock import SteppedClock
from firmware_sim.police import SimulatedPolice
from issuance.application.form import COLUMNS, Applicant
from issuance.population import Population, PopulationAnswer, PopulationQuestion

KNOWN = PopulationQuestion("01", "11010119900307002X", "测试甲", "2", "19900307")
UNKNOWN = "110101199003070097"


def _simulated() -> SimulatedPolice:
    police = SimulatedPolice(SteppedClock(datetime(2026, 11, 23, 2, tzinfo=UTC)))
    cells = dict.fromkeys(COLUMNS, "")
    cells.update(id_type=KNOWN.id_type, id_no=KNOWN.id_no, name=KNOWN.name, sex=KNOWN.sex, birth_date=KNOWN.birth_date)
    police.learn([Applicant(row=1, **cells)])
    return police


@pytest.fixture
def register(replacement: Callable[[str], object | None]) -> Population:
    return cast(Population, replacement("population") or _simulated())


def test_the_same_person_is_the_same(register: Population) -> None:
    assert register.compare(KNOWN) is PopulationAnswer.SAME


@pytest.mark.parametrize("change", [{"name": "测试乙"}, {"sex": "1"}, {"birth_date": "19900308"}], ids=str)
def test_a_difference_is_a_mismatch(register: Population, change: dict[str, str]) -> None:
    assert register.compare(replace(KNOWN, **change)) is PopulationAnswer.MISMATCH


def test_a_number_nobody_has_is_no_data(register: Population) -> None:
    assert register.compare(replace(KNOWN, id_no=UNKNOWN)) is PopulationAnswer.NO_DATA


def test_a_register_that_cannot_be_asked_answers_failed() -> None:
    police = _simulated()
    police.answering = False
    assert police.compare(KNOWN) is PopulationAnswer.FAILED


def test_a_question_does_not_print_the_person() -> None:
    assert KNOWN.id_no not in repr(KNOWN)
    assert KNOWN.name not in repr(KNOWN)
