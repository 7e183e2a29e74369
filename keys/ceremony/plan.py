"""The plan of a ceremony: a TOML file that says everything, reviewed before anybody sits down.

Its canonical form is the sorted JSON of `card.domain.event.canonical`, dates as ISO text. Two digests are taken of it:
without the line `review` (what the reviewers put their names to, and what that line holds), and whole (what the
transcript names).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from card.domain.event import EventFormatError, canonical
from keys import tree
from keys.algorithms.sm3 import sm3
from keys.ceremony.errors import PlanError, QuorumError, ReviewError, RolesError

MAX_PARTS: Final = 9
MAX_KEYS: Final = 8  # slots of a custody card
REVIEWERS: Final = 2
# Who must sit at the table besides the custodians.
WANTED: Final = {"officer": 1, "witness": 2, "auditor": 1}
KEY_BYTES: Final = {"3des": (16, 24), "sm4": (16,), "aes": (16, 24, 32)}
STORE: Final = "store/"  # labels of keys that protect a store and are in no card
_MAX_FILE: Final = 1 << 18
Role = Literal["custodian", "officer", "witness", "auditor"]
Mode = Literal["rehearsal", "production"]
Medium = Literal["card", "paper"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; a key it does not know is an error."""


class Head(_Table, frozen=True):
    """`[ceremony]`. `review` is the hexadecimal SM3 of the canonical form without that line."""

    id: str
    mode: Mode
    zh: str
    en: str
    place: str
    day: date
    custody: Literal["ministry", "province", "city"]
    author: str
    reviewed_by: tuple[str, ...]
    review: str = ""
    printer: str = ""


class Scheme(_Table, frozen=True):
    """`components`: all `parts` are needed (XOR). `shares`: any `need` of `parts` are enough (SLIP-39)."""

    kind: Literal["components", "shares"]
    parts: int
    need: int


class Person(_Table, frozen=True):
    """Somebody at the table, or a reviewer; `id` is what the other tables call them."""

    id: str
    name: str
    roles: tuple[Role, ...] = ()


class Holder(_Table, frozen=True):
    """Who gets which part, in order, on what. Mother cards are kept; transport cards travel and can be emptied."""

    person: str
    media: tuple[Medium, ...]
    card: Literal["mother", "transport", ""] = ""
    serial: str = ""
    envelope: str = ""


class PlannedKey(_Table, frozen=True):
    """One key. `out` parts: given out to the holders; sealed: kept in the artefact under `under`, an earlier key."""

    label: str
    version: int
    algorithm: Literal["3des", "sm4", "aes"]
    bytes: int
    usage: str
    out: Literal["parts", "sealed"]
    valid_from: date
    valid_to: date
    under: str = ""


class _CeremonyFile(_Table, frozen=True):
    ceremony: Head
    scheme: Scheme
    person: tuple[Person, ...]
    holder: tuple[Holder, ...]
    key: tuple[PlannedKey, ...]


class RecoveryHead(_Table, frozen=True):
    """`[recovery]`: which ceremony's parts are brought together again, and why.

    `empty_cards`: transport cards are emptied for ever when a store has taken the keys.
    """

    id: str
    of: str
    mode: Mode
    reason: str
    place: str
    day: date
    author: str
    reviewed_by: tuple[str, ...]
    review: str = ""
    empty_cards: bool = False


class Bringer(_Table, frozen=True):
    """Who brings a part: by the serial of a card or by the number of an envelope."""

    person: str
    medium: Medium
    serial: str = ""
    envelope: str = ""


class _RecoveryFile(_Table, frozen=True):
    recovery: RecoveryHead
    person: tuple[Person, ...]
    holder: tuple[Bringer, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked plan. `digest` is the SM3 of its whole canonical form."""

    head: Head
    scheme: Scheme
    persons: tuple[Person, ...]
    holders: tuple[Holder, ...]
    keys: tuple[PlannedKey, ...]
    digest: bytes

    @property
    def rehearsal(self) -> bool:
        return self.head.mode == "rehearsal"

    @property
    def given_out(self) -> tuple[PlannedKey, ...]:
        """Keys that go to the holders, in the order of their slots."""
        return tuple(key for key in self.keys if key.out == "parts")

    def name(self, person: str) -> str:
        return next(item.name for item in self.persons if item.id == person)


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """A checked plan of a recovery. Whether enough parts come is judged against the ceremony's own policy."""

    head: RecoveryHead
    persons: tuple[Person, ...]
    holders: tuple[Bringer, ...]
    digest: bytes

    @property
    def rehearsal(self) -> bool:
        return self.head.mode == "rehearsal"

    def name(self, person: str) -> str:
        return next(item.name for item in self.persons if item.id == person)


class _Reviewed(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def author(self) -> str: ...

    @property
    def reviewed_by(self) -> tuple[str, ...]: ...

    @property
    def review(self) -> str: ...


_File = TypeVar("_File", _CeremonyFile, _RecoveryFile)


def read_plan(path: Path) -> Plan:
    """Read and check. PlanError, RolesError, QuorumError, ReviewError, in this order."""
    return checked_plan(read_document(path))


def read_document(path: Path) -> dict[str, Any]:
    """The file as tables. PlanError."""
    try:
        with path.open("rb") as file:
            return tomllib.loads(file.read(_MAX_FILE).decode())
    except OSError as bad:
        raise PlanError(f"{path}: {bad.strerror}") from bad
    except ValueError as bad:  # not TOML, not UTF-8
        raise PlanError(f"{path}: {bad}") from bad


def checked_plan(document: Mapping[str, Any]) -> Plan:
    """The plan in `document`. Errors as `read_plan`."""
    file = _typed(document, _CeremonyFile)
    plan = Plan(file.ceremony, file.scheme, file.person, file.holder, file.key, digest(document))
    _check_scheme(plan)
    _check_holders(plan)
    _check_keys(plan)
    _check_people(plan.persons, {holder.person for holder in plan.holders})
    _check_review(plan.head, plan.persons, reviewed_digest(document))
    return plan


def checked_recovery(document: Mapping[str, Any]) -> RecoveryPlan:
    """The recovery plan in `document`. Errors as `read_plan`."""
    file = _typed(document, _RecoveryFile)
    plan = RecoveryPlan(file.recovery, file.person, file.holder, digest(document))
    for holder in plan.holders:
        if not (holder.serial if holder.medium == "card" else holder.envelope):
            raise PlanError(f"{holder.person} brings a {holder.medium} without a number")
    _once("part brought", [holder.serial or holder.envelope for holder in plan.holders])
    _check_people(plan.persons, {holder.person for holder in plan.holders})
    _check_review(plan.head, plan.persons, reviewed_digest(document))
    return plan


def digest(document: Mapping[str, Any]) -> bytes:
    """SM3 of the whole canonical form. PlanError."""
    try:
        return sm3(canonical(_plain(document)))
    except EventFormatError as bad:
        raise PlanError(f"no canonical form: {bad}") from bad


def reviewed_digest(document: Mapping[str, Any]) -> bytes:
    """SM3 of what the reviewers read: everything but the line `review`."""
    return digest(
        {
            name: {key: item for key, item in table.items() if key != "review"} if isinstance(table, dict) else table
            for name, table in document.items()
        }
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _typed(document: Mapping[str, Any], kind: type[_File]) -> _File:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as bad:
        raise PlanError(str(bad)) from bad


def _check_scheme(plan: Plan) -> None:
    scheme = plan.scheme
    if not 2 <= scheme.need <= scheme.parts <= MAX_PARTS:
        raise QuorumError(f"{scheme.need} of {scheme.parts}: need 2 <= need <= parts <= {MAX_PARTS}")
    if scheme.kind == "components" and scheme.need != scheme.parts:
        raise PlanError("of components all are needed")
    if len(plan.holders) != scheme.parts:
        raise QuorumError(f"{len(plan.holders)} holders for {scheme.parts} parts")


def _check_holders(plan: Plan) -> None:
    for holder in plan.holders:
        if not holder.media or len(set(holder.media)) != len(holder.media):
            raise PlanError(f"{holder.person}: media are card, paper or both")
        if ("card" in holder.media) != bool(holder.card and holder.serial):
            raise PlanError(f"{holder.person}: a card has a kind and a serial number")
        if ("paper" in holder.media) != bool(holder.envelope):
            raise PlanError(f"{holder.person}: paper goes into a numbered envelope")
    _once("card", [holder.serial for holder in plan.holders if holder.serial])
    _once("envelope", [holder.envelope for holder in plan.holders if holder.envelope])
    people = Counter(holder.person for holder in plan.holders)
    if twice := [person for person, count in people.items() if count > 1]:
        raise RolesError(f"{twice[0]} would hold two parts")
    if not plan.rehearsal and any("paper" in holder.media for holder in plan.holders) and not plan.head.printer:
        raise PlanError("paper needs a printer")


def _check_keys(plan: Plan) -> None:
    if not plan.given_out or len(plan.given_out) > MAX_KEYS:
        raise PlanError(f"between 1 and {MAX_KEYS} keys are given out in parts")
    _once("key", [f"{key.label} version {key.version}" for key in plan.keys])
    before: dict[str, PlannedKey] = {}
    for key in plan.keys:
        _check_key(key)
        if key.out == "sealed":
            over = before.get(key.under)
            if over is None or over.algorithm != "aes" or over.out != "parts":
                raise PlanError(f"{key.label} is sealed under an AES key given out before it in this plan")
        elif key.under:
            raise PlanError(f"{key.label} is given out in parts, under nothing")
        before[key.label] = key


def _check_key(key: PlannedKey) -> None:
    if key.bytes not in KEY_BYTES[key.algorithm]:
        raise PlanError(f"{key.label}: {key.algorithm} keys have {KEY_BYTES[key.algorithm]} bytes")
    if not 1 <= key.version <= 99 or key.valid_to <= key.valid_from or not 0 < len(key.label.encode()) <= 64:
        raise PlanError(f"{key.label}: version, validity or length of the label")
    entry = tree.entries().get(key.label)
    if entry is None and not key.label.startswith(STORE):
        raise PlanError(f"{key.label} is not in the key tree")
    if entry is not None and entry.algorithm != key.algorithm:
        raise PlanError(f"{key.label} is a {entry.algorithm} key")


def _check_people(persons: tuple[Person, ...], holders: set[str]) -> None:
    """Separation first: whoever has two roles cannot be counted for either."""
    _once("person", [person.id for person in persons])
    names = Counter(person.name for person in persons)
    if twice := [name for name, count in names.items() if count > 1]:
        raise RolesError(f"{twice[0]} is listed twice")
    roles = {person.id: person.roles for person in persons}
    for person in persons:
        if len(person.roles) > 1:
            raise RolesError(f"{person.id} is {' and '.join(person.roles)}")
    for holder in sorted(holders):
        if roles.get(holder) != ("custodian",):
            raise RolesError(f"{holder} holds a part and is not listed as custodian only")
    for role, least in WANTED.items():
        there = sum(role in own for own in roles.values())
        if there < least:
            raise QuorumError(f"{there} of {least} {role}")


def _check_review(head: _Reviewed, persons: tuple[Person, ...], reviewed: bytes) -> None:
    if not 0 < len(head.id.encode()) <= 32 or not head.id.isascii() or not head.id.replace("-", "").isalnum():
        raise PlanError("the number of a ceremony is 1 to 32 letters, digits and hyphens")
    listed = {person.id for person in persons}
    if missing := {head.author, *head.reviewed_by} - listed:
        raise PlanError(f"not among the persons: {', '.join(sorted(missing))}")
    others = set(head.reviewed_by) - {head.author}
    if head.author in head.reviewed_by or len(others) < REVIEWERS or len(others) != len(head.reviewed_by):
        raise ReviewError(f"{REVIEWERS} reviewers other than the author {head.author}, each once")
    if head.review != reviewed.hex():
        raise ReviewError(f"reviewed was {head.review or 'nothing'}, the file says {reviewed.hex()}")


def _once(what: str, names: list[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise PlanError(f"{what} {twice[0]} twice")
