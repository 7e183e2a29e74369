"""The police population register, as issuance sees it: one question, five answers (business-rules §2.3 V3)."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class PopulationAnswer(Enum):
    """The stored codes are those card systems use; MISMATCH has no public code (05 is ours)."""

    NOT_COMPARED = "00"
    UPDATED = "01"
    SAME = "02"
    FAILED = "03"
    NO_DATA = "04"
    MISMATCH = "05"


@dataclass(frozen=True, slots=True)
class PopulationQuestion:
    """Who we think this is. Dates "YYYYMMDD"."""

    id_type: str
    id_no: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    birth_date: str


class Population(Protocol):
    """The register's comparison service."""

    def compare(self, question: PopulationQuestion) -> PopulationAnswer:
        """FAILED when the register cannot be asked now; nothing is raised."""
        ...
