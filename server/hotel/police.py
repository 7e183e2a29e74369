"""The police desk for hotel registrations, as this house needs it: one question, one receipt."""

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from server.errors import ServerError


class PoliceDownError(ServerError):
    """The police desk cannot be reached now: the stay waits and is sent again."""

    code: ClassVar[str] = "E-POLICE-DOWN"


@dataclass(frozen=True, slots=True)
class StayReport:
    """One guest. Names and numbers stay out of `repr`. `check_in` ms UTC, dates "YYYYMMDD"."""

    stay_id: str
    hotel: str
    site: str
    room: str
    check_in: int
    guests: int
    name: str = field(repr=False)
    id_no: str = field(repr=False)
    sex: str = ""
    nation: str = ""
    birth_date: str = ""


@dataclass(frozen=True, slots=True)
class StayReceipt:
    """`result` "registered" or "refused" with a short reason; `receipt_no` names it at the police."""

    receipt_no: str
    result: str = "registered"
    reason: str = ""


class PoliceDesk(Protocol):
    """Implemented by a connector; the simulated one lives in firmware_sim."""

    def register_stay(self, stay: StayReport) -> StayReceipt:
        """The same `stay_id` again returns the same receipt. Raises PoliceDownError."""
        ...
