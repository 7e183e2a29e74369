"""Simulated police: the population register and the desk that takes stay registrations. A stand-in, and says so.

The register knows whoever the applicants' file names, as the file names him first; answers planted beside the file
(`applicants.plants_path`) override that. Everything can be switched off, as lines can be.
"""

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from card.domain.clock import Clock, business_time
from firmware_sim.applicants import plants_path
from issuance.application.form import Applicant, read_form
from issuance.population import PopulationAnswer, PopulationQuestion
from keys.errors import ProductionRefusedError
from server.hotel.police import PoliceDownError, StayReceipt, StayReport

ANNOUNCEMENT = "onecard: 公安为模拟替身，仅供演示。STAND-IN police: a simulated register and desk, nobody is real."


class SimulatedPolice:
    """Fills two ports: `issuance.population.Population` and `server.hotel.police.PoliceDesk`."""

    _announced: ClassVar[bool] = False

    def __init__(self, clock: Clock, state: Path | None = None, profile: str = "demo") -> None:
        """`state` is a JSON file that keeps the receipts over runs; in memory without it. ProductionRefusedError."""
        if profile == "production":
            raise ProductionRefusedError("the simulated police is a stand-in")
        if not SimulatedPolice._announced:
            SimulatedPolice._announced = True
            print(ANNOUNCEMENT, file=sys.stderr)
        self._clock = clock
        self._state = state
        self._people: dict[str, tuple[str, str, str]] = {}
        self._plants: dict[str, PopulationAnswer] = {}
        self._receipts: dict[str, str] = _load(state)
        self.answering = True

    @classmethod
    def knowing(cls, applicants: Path, clock: Clock, state: Path | None = None) -> "SimulatedPolice":
        """A register filled from an applicants' file and the answers planted beside it."""
        police = cls(clock, state)
        police.study(applicants)
        return police

    def study(self, applicants: Path) -> None:
        """Learn another file, with the answers planted beside it."""
        self.learn(read_form(applicants)[0])
        beside = plants_path(applicants)
        if beside.is_file():
            with beside.open(encoding="utf-8", newline="") as lines:
                self.plant({row["id_no"]: PopulationAnswer[row["answer"]] for row in csv.DictReader(lines)})

    def learn(self, people: list[Applicant]) -> None:
        """The first entry of a number counts."""
        for person in people:
            self._people.setdefault(person.id_no, (person.name, person.sex, person.birth_date))

    def plant(self, answers: Mapping[str, PopulationAnswer]) -> None:
        """Answers by document number, whatever the register holds."""
        self._plants.update(answers)

    def compare(self, question: PopulationQuestion) -> PopulationAnswer:
        """SAME, MISMATCH, NO_DATA, a planted answer, or FAILED while switched off."""
        if not self.answering:
            return PopulationAnswer.FAILED
        planted = self._plants.get(question.id_no)
        if planted is not None:
            return planted
        known = self._people.get(question.id_no)
        if known is None:
            return PopulationAnswer.NO_DATA
        same = known == (question.name, question.sex, question.birth_date)
        return PopulationAnswer.SAME if same else PopulationAnswer.MISMATCH

    def register_stay(self, stay: StayReport) -> StayReceipt:
        """A receipt; the same stay again has the same one. PoliceDownError while switched off."""
        if not self.answering:
            raise PoliceDownError(stay.stay_id)
        if stay.stay_id not in self._receipts:
            day = business_time(self._clock.now()).strftime("%Y%m%d")
            self._receipts[stay.stay_id] = f"LG{day}{len(self._receipts) + 1:06d}"
            self._save()
        return StayReceipt(self._receipts[stay.stay_id])

    def _save(self) -> None:
        if self._state is not None:
            fresh = self._state.with_suffix(".new")
            fresh.write_text(json.dumps(self._receipts, sort_keys=True, indent=1), "utf-8")
            fresh.replace(self._state)


def _load(state: Path | None) -> dict[str, str]:
    if state is None or not state.exists():
        return {}
    found = json.loads(state.read_text("utf-8"))
    return {str(stay): str(receipt) for stay, receipt in found.items()}
