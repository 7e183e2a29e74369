"""Where a card meets a terminal."""

from dataclasses import dataclass
from enum import Enum

from card.domain.identity import IdentityFormatError


class Scene(Enum):
    """What a terminal is for; decides the rules and the assurance needed."""

    BUS = "bus"
    HOTEL = "hotel"
    SCENIC = "scenic"
    KIOSK = "kiosk"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class TerminalId:
    """Terminal number: 6 bytes, also written into purse records and file 0016 of its PSAM."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 6:
            raise IdentityFormatError("terminal number is 6 bytes")

    @classmethod
    def parse(cls, text: str) -> "TerminalId":
        try:
            return cls(bytes.fromhex(text))
        except ValueError as bad:
            raise IdentityFormatError("terminal number is 12 hex digits") from bad

    @property
    def hex(self) -> str:
        return self.raw.hex()


@dataclass(frozen=True, slots=True)
class Place:
    """A site of an operator: the bus line, the hotel, the gate group."""

    operator: str
    site: str
    region: str
