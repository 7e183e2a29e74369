"""Bus fares as data: the tariff bundle's row, read once, and the fare of one rider on one day (contract §5)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from card.domain.money import Fen
from card.rules.ages import age_on


class TariffError(ValueError):
    """A tariff entry that cannot be used; names the field."""

    code = "E-TARIFF"


@dataclass(frozen=True, slots=True)
class AgeBand:
    """From `from_age` up to and including `to_age` years: `rate_percent` of the full fare, `price_class` names it."""

    from_age: int
    to_age: int
    rate_percent: int
    price_class: str


@dataclass(frozen=True, slots=True)
class BusTariff:
    """One line's fare. `default_rate_percent` is the card discount for everybody else."""

    operator: str
    line: str
    full_fare: Fen
    default_rate_percent: int
    bands: tuple[AgeBand, ...]

    @classmethod
    def from_entry(cls, entry: dict[str, Any]) -> "BusTariff":
        try:
            bands = tuple(
                AgeBand(int(b["from_age"]), int(b["to_age"]), _rate(b["rate_percent"]), str(b["price_class"]))
                for b in entry["bands"]
            )
            return cls(
                str(entry["operator"]),
                str(entry["line"]),
                Fen(entry["full_fare"]),
                _rate(entry["default_rate_percent"]),
                bands,
            )
        except (KeyError, TypeError, ValueError) as bad:
            raise TariffError(f"tariff entry: {bad}") from bad

    def to_entry(self) -> dict[str, object]:
        return {
            "operator": self.operator,
            "line": self.line,
            "full_fare": int(self.full_fare),
            "default_rate_percent": self.default_rate_percent,
            "bands": [
                {
                    "from_age": b.from_age,
                    "to_age": b.to_age,
                    "rate_percent": b.rate_percent,
                    "price_class": b.price_class,
                }
                for b in self.bands
            ],
        }

    def fare(self, birth: date | None, day: date) -> tuple[Fen, str]:
        """Fare (fen, rounded half up) and price class of a rider born on `birth`; unknown birth pays the card fare."""
        if birth is not None:
            age = age_on(birth, day)
            for band in self.bands:
                if band.from_age <= age <= band.to_age:
                    return self.full_fare.percent(band.rate_percent), band.price_class
        return self.full_fare.percent(self.default_rate_percent), "card"


def _rate(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise TariffError("rate_percent must be 0..100")
    return value


# Haikou: 70 and over free, 65-69 half, otherwise 85 %. The default tariff of the demonstration, carried by its bundle.
HAIKOU_BUS = BusTariff(
    operator="haikou-bus",
    line="K1",
    full_fare=Fen(200),
    default_rate_percent=85,
    bands=(AgeBand(65, 69, 50, "senior-half"), AgeBand(70, 150, 0, "senior-free")),
)
