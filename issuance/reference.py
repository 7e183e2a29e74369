"""Codes and limits that are data, not code: areas, banks, document forms, portrait rules, transit codes."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from card.domain.identity import RegionCode


@dataclass(frozen=True, slots=True)
class PhotoRules:
    """Portrait limits: pixels, dots per inch, bytes, brightness of the background."""

    width: int
    height: int
    dpi: int
    min_bytes: int
    max_bytes: int
    background: int
    max_age_years: int


@dataclass(frozen=True, slots=True)
class TransitCodes:
    """What the purse files of this province hold."""

    province: str
    city: Mapping[str, str]
    other_city: str
    serial_head: str

    def city_of(self, region: RegionCode) -> str:
        return self.city.get(region.text, self.other_city)


@dataclass(frozen=True, slots=True)
class Reference:
    """The preloaded codes."""

    areas: Mapping[str, str]
    districts: Mapping[str, str]
    banks: Mapping[str, str]
    id_formats: Mapping[str, re.Pattern[str]]
    sexes: frozenset[str]
    nations: frozenset[str]
    life_statuses: frozenset[str]
    photo: PhotoRules
    transit: TransitCodes

    def issuing_city(self, region: str) -> RegionCode | None:
        """The city that issues the card of somebody in `region`; None for a code that is no area of ours (V9)."""
        city = self.districts.get(region, region)
        return RegionCode(city) if city in self.areas else None


@cache
def load_reference() -> Reference:
    """The built-in table `reference.toml`."""
    data = tomllib.loads(files("issuance").joinpath("reference.toml").read_text("utf-8"))
    codes = data["codes"]
    nations = {f"{number:02d}" for number in range(1, codes["nation_last"] + 1)} | set(codes["nation_other"])
    return Reference(
        areas=data["area"],
        districts=data["district"],
        banks=data["bank"],
        id_formats={kind: re.compile(form) for kind, form in data["id_format"].items()},
        sexes=frozenset(codes["sex"]),
        nations=frozenset(nations),
        life_statuses=frozenset(codes["life_status"]),
        photo=PhotoRules(**data["photo"]),
        transit=TransitCodes(**data["transit"]),
    )
