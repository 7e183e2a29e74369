"""A plan says everything, was reviewed as it stands, and keeps people apart."""

from collections.abc import Callable
from typing import Any

import pytest

from card.domain.event import canonical
from keys.algorithms.sm3 import sm3
from keys.ceremony.errors import CeremonyError, PlanError, QuorumError, ReviewError, RolesError
from keys.ceremony.plan import checked_plan, digest, read_plan, reviewed_digest
from tests.keys.ceremony.documents import EXAMPLE, example, reviewed

Change = Callable[[dict[str, Any]], object]


def test_the_example_is_a_good_plan() -> None:
    plan = read_plan(EXAMPLE)
    assert (plan.scheme.need, plan.scheme.parts, plan.rehearsal) == (3, 5, True)
    assert [key.label for key in plan.given_out] == ["store/KEK"]


def test_the_digest_is_sm3_of_sorted_json_with_dates_as_text() -> None:
    document = {"b": {"day": example()["ceremony"]["day"]}, "a": {"x": [1, "z"]}}
    assert digest(document) == sm3(b'{"a":{"x":[1,"z"]},"b":{"day":"2026-12-01"}}')
    assert canonical({"a": 1}) == b'{"a":1}'


def test_every_change_after_the_review_is_found() -> None:
    """Any scalar of the file, one after another."""
    changed = 0
    for change in _each_scalar(example()):
        document = example()
        change(document)
        assert reviewed_digest(document) != reviewed_digest(example())
        changed += 1
        with pytest.raises(CeremonyError):
            checked_plan(document)
    assert changed > 60


def _each_scalar(document: dict[str, Any]) -> list[Change]:
    found: list[Change] = []
    for table, content in document.items():
        for place, row in enumerate(content) if isinstance(content, list) else [(None, content)]:
            for name, value in row.items():
                if isinstance(value, str | int) and name != "review":
                    found.append(_changing(table, place, name, value))
    return found


def _changing(table: str, place: int | None, name: str, value: str | int) -> Change:
    def change(document: dict[str, Any]) -> None:
        row = document[table] if place is None else document[table][place]
        row[name] = value + "x" if isinstance(value, str) else value + 1

    return change


def _head(**values: object) -> Change:
    return lambda document: document["ceremony"].update(values)


def _person(place: int, **values: object) -> Change:
    return lambda document: document["person"][place].update(values)


def _holder(place: int, **values: object) -> Change:
    return lambda document: document["holder"][place].update(values)


def _key(place: int, **values: object) -> Change:
    return lambda document: document["key"][place].update(values)


def _scheme(**values: object) -> Change:
    return lambda document: document["scheme"].update(values)


REFUSED: dict[str, tuple[Change, type[CeremonyError]]] = {
    "one reviewer": (_head(reviewed_by=["auditor"]), ReviewError),
    "author reviews": (_head(reviewed_by=["auditor", "officer"]), ReviewError),
    "one reviewer twice": (_head(reviewed_by=["auditor", "auditor"]), ReviewError),
    "stranger reviews": (_head(reviewed_by=["auditor", "nobody"]), PlanError),
    "number with a slash": (_head(id="../x"), PlanError),
    "unknown key": (_head(colour="red"), PlanError),
    "unknown mode": (_head(mode="drill"), PlanError),
    "custodian is a witness too": (_person(5, roles=["custodian", "witness"]), RolesError),
    "custodian is the officer": (_person(0, roles=["officer", "custodian"]), RolesError),
    "holder is no custodian": (_holder(0, person="auditor"), RolesError),
    "holder is a stranger": (_holder(0, person="nobody"), RolesError),
    "one holder, two parts": (_holder(0, person="c2"), RolesError),
    "one person under two names": (_person(6, name="演练保管人一 Custodian 1"), RolesError),
    "one witness": (_person(2, roles=[]), QuorumError),
    "no auditor": (_person(1, roles=[]), QuorumError),
    "no officer": (_person(0, roles=[]), QuorumError),
    "need above parts": (_scheme(need=6), QuorumError),
    "one is enough": (_scheme(need=1), QuorumError),
    "fewer holders than parts": (_scheme(parts=6), QuorumError),
    "not all components": (_scheme(kind="components"), PlanError),
    "card twice": (_holder(1, serial="4D43000000000001"), PlanError),
    "envelope twice": (_holder(4, envelope="E-0001"), PlanError),
    "card without number": (_holder(1, serial=""), PlanError),
    "paper without envelope": (_holder(4, envelope=""), PlanError),
    "no media": (_holder(1, media=[]), PlanError),
    "wrong length": (_key(0, bytes=20), PlanError),
    "label of no tree": (_key(1, label="ssc/NOTHING"), PlanError),
    "tree says another algorithm": (_key(1, algorithm="sm4"), PlanError),
    "sealed under a later key": (_key(1, under="ssc-sm4/IRK"), PlanError),
    "sealed under nothing": (_key(1, under=""), PlanError),
    "valid backwards": (lambda d: d["key"][0].update(valid_to=d["key"][0]["valid_from"]), PlanError),
    "nothing given out": (lambda d: d["key"].pop(0), PlanError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_is_refused_even_when_reviewed(case: str) -> None:
    change, error = REFUSED[case]
    document = example()
    change(document)
    with pytest.raises(error):
        checked_plan(reviewed(document))


def test_production_paper_needs_a_printer() -> None:
    document = example()
    document["ceremony"]["mode"] = "production"
    with pytest.raises(PlanError, match="printer"):
        checked_plan(reviewed(document))
    document["ceremony"]["printer"] = "/dev/usb/lp0"
    assert not checked_plan(reviewed(document)).rehearsal
