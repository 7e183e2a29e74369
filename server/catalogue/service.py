"""The catalogue of service items: published whole, immutable by version, in force by date."""

import json
import tomllib
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from typing import Any, ClassVar

from card.domain.clock import business_date
from card.domain.event import canonical
from server.catalogue import repository
from server.context import Context
from server.database import Session
from server.errors import ServerError
from server.facts import service as facts

KIND = "catalogue"


class CatalogueError(ServerError):
    """An item that cannot be published; the detail names item and field."""

    code: ClassVar[str] = "E-CATALOGUE"


class CatalogueVersionError(ServerError):
    """Somebody else published meanwhile: look at the newest version first."""

    code: ClassVar[str] = "E-CATALOGUE-VERSION"


@dataclass(frozen=True, slots=True)
class Item:
    """One service item (business-rules §9). Dates "YYYYMMDD", `effective_to` "" = until further notice."""

    item: str
    operator: str
    name_zh: str
    name_en: str
    domain: str
    owner: str
    scene_type: str
    carrier: str
    assurance: str
    offline: bool
    data_fields: list[str]
    purpose: str
    retention_days: int
    effective_from: str
    effective_to: str = ""

    def in_force(self, day: str) -> bool:
        return self.effective_from <= day and (not self.effective_to or day <= self.effective_to)


def read_items(rows: list[dict[str, Any]]) -> list[Item]:
    """CatalogueError for an unknown or missing field, or an item named twice for one operator."""
    known = {field.name for field in fields(Item)}
    found: list[Item] = []
    for row in rows:
        wrong = sorted(set(row) - known)
        if wrong:
            raise CatalogueError(f"{row.get('item', '?')}: {wrong[0]}")
        try:
            found.append(Item(**row))
        except TypeError:
            raise CatalogueError(f"{row.get('item', '?')}: a field is missing") from None
    if len({(item.item, item.operator) for item in found}) != len(found):
        raise CatalogueError("an item stands twice")
    return found


def default_items() -> list[Item]:
    """The items this release is delivered with."""
    text = files("server.catalogue").joinpath("items.toml").read_text("utf-8")
    return read_items(tomllib.loads(text)["item"])


def publish(context: Context, session: Session, items: list[Item], by: str) -> int:
    """Publish a new version of the whole catalogue and issue it as facts; its version."""
    text = canonical([asdict(item) for item in items]).decode()
    present = repository.newest(session)
    if present is not None and present[1] == text:
        return present[0]
    version = present[0] + 1 if present else 1
    if not repository.publish(session, version, text, context.now_ms(), by):
        raise CatalogueVersionError(str(version))
    keep_current(context, session)
    return version


def keep_current(context: Context, session: Session) -> None:
    """Issue the facts anew when an item came into force or went out of it since."""
    version, items = current(session)
    day = business_date(context.clock.now()).strftime("%Y%m%d")
    entries: list[dict[str, Any]] = [
        asdict(item) | {"in_force": item.in_force(day), "catalogue_version": version} for item in items
    ]
    if entries:
        facts.publish(context, session, KIND, entries)


def current(session: Session) -> tuple[int, list[Item]]:
    """(version, items) of the newest version; (0, []) when nothing was published."""
    present = repository.newest(session)
    return (present[0], read_items(json.loads(present[1]))) if present else (0, [])
