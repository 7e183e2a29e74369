"""The recovery drill: a ceremony on cards in software, then every set of holders tries to bring the keys back.

Sets within the policy must succeed, sets below it must not: refused by rule before anybody inserts a card, and the
parts themselves, put together against the rule, give no key or another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from firmware_sim.ceremony.table import RehearsedTable
from firmware_sim.errors import SimError
from keys import tree
from keys.ceremony import paper, shares
from keys.ceremony.errors import CeremonyError, QuorumError
from keys.ceremony.holding import Held, hold
from keys.ceremony.parts import xor
from keys.ceremony.plan import Holder, Plan, RecoveryPlan, Scheme, checked_plan, checked_recovery, reviewed_digest
from keys.ceremony.recovery import Recovered, recover
from keys.ceremony.standing import artefact_of
from keys.ceremony.taking import read_card
from keys.hsm_software import SoftwareHsm
from keys.kcv import kcv


class DrillError(SimError):
    """A set of holders could do what the policy forbids, or could not do what it allows."""

    code = "E-SIM-DRILL"


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found; `recovered` and `refused` count sets of holders."""

    held: Held
    kcvs: Mapping[str, str]
    recovered: int
    refused: int


def drill(plan: Plan, out: Path, table: RehearsedTable, store: SoftwareHsm) -> Drilled:
    """Hold `plan` and try every set of its holders. `store` is the test tree that the recovered keys are put into.

    Raises DrillError, and what `hold` raises.
    """
    table.new_cards(plan)
    held = hold(plan, out, table.room)
    artefact = artefact_of(held.folder)
    kcvs = {row["label"]: str(row["kcv"]) for row in artefact.keys}
    recovered = refused = 0
    for size in range(1, plan.scheme.parts + 1):
        for chosen in combinations(plan.holders, size):
            again = recovery_of(plan, chosen, recovered + refused)
            table.desk.quiet = True
            if size >= plan.scheme.need:
                _judge(recover(again, held.folder, out, table.room, store), kcvs, store)
                recovered += 1
                said = "恢复一致", "recovered"
            else:
                _refuse(again, held, out, table)
                force(plan, chosen, kcvs, table)
                refused += 1
                said = "不足法定份数，拒绝", "below the policy, refused"
            table.desk.quiet = False
            place = f"{recovered + refused:>2}/{2**plan.scheme.parts - 1}"
            table.desk.tell(f"{place} {_who(chosen)}：{said[0]}", said[1])
    return Drilled(held, kcvs, recovered, refused)


def recovery_of(plan: Plan, holders: Sequence[Holder], number: int) -> RecoveryPlan:
    """A reviewed plan in which `holders` bring their parts; who has card and paper brings them in turn."""
    rows = [_bringing(holder, paper=number % 2 == 1) for holder in holders]
    document: dict[str, Any] = {
        "recovery": {
            "id": f"{plan.head.id}-D{number}",
            "of": plan.head.id,
            "mode": plan.head.mode,
            "reason": "drill",
            "place": plan.head.place,
            "day": plan.head.day,
            "author": plan.head.author,
            "reviewed_by": list(plan.head.reviewed_by),
        },
        "person": [{"id": one.id, "name": one.name, "roles": list(one.roles)} for one in plan.persons],
        "holder": rows,
    }
    document["recovery"]["review"] = reviewed_digest(document).hex()
    return checked_recovery(document)


def variant(document: Mapping[str, Any], number: str, **scheme: Any) -> Plan:
    """The plan of `document` under another number (and scheme), as if it had been reviewed so."""
    head = {name: value for name, value in document["ceremony"].items() if name != "review"} | {"id": number}
    other = {**document, "ceremony": head}
    if scheme:
        other["scheme"] = scheme
        other["holder"] = document["holder"][: scheme["parts"]]
    head["review"] = reviewed_digest(other).hex()
    return checked_plan(other)


def forced(scheme: Scheme, values: Sequence[bytes]) -> bytes:
    """What parts below the policy give when nobody keeps the rule: the XOR of some, or nothing of shares."""
    if scheme.kind == "components":
        return xor(values)
    try:
        return shares.combine(values)
    except CeremonyError:
        return b""


def _bringing(holder: Holder, *, paper: bool) -> dict[str, str]:
    if "card" in holder.media and not (paper and "paper" in holder.media):
        return {"person": holder.person, "medium": "card", "serial": holder.serial}
    return {"person": holder.person, "medium": "paper", "envelope": holder.envelope}


def _judge(recovered: Recovered, kcvs: Mapping[str, str], store: SoftwareHsm) -> None:
    found = {label: key.kcv.hex() for label, key in recovered.keys.items()}
    if found != kcvs:
        raise DrillError(f"recovered {found}, made {dict(kcvs)}")
    held = {(facts.label, facts.version): facts.kcv.hex() for facts in store.key_facts()}
    for label, version in recovered.versions.items():
        if label in tree.entries() and held[label, version] != kcvs[label]:
            raise DrillError(f"the store computes {held[label, version]} for {label}")


def _refuse(plan: RecoveryPlan, held: Held, out: Path, table: RehearsedTable) -> None:
    try:
        recover(plan, held.folder, out, table.room)
    except QuorumError:
        return
    raise DrillError(f"{plan.head.id}: below the policy and not refused")


def force(plan: Plan, holders: Sequence[Holder], kcvs: Mapping[str, str], table: RehearsedTable) -> None:
    """Against the rule: the parts themselves, below the policy, must not give the keys."""
    for place, key in enumerate(plan.given_out):
        values = [_value(plan, holder, place, table) for holder in holders]
        if forced(plan.scheme, values) and kcv(key.algorithm, forced(plan.scheme, values)).hex() == kcvs[key.label]:
            raise DrillError(f"{_who(holders)}: {key.label} without a quorum")


def _value(plan: Plan, holder: Holder, place: int, table: RehearsedTable) -> bytes:
    if "card" in holder.media:
        slots = len(plan.given_out)
        return read_card(table.room, holder.serial, plan.name(holder.person), slots)[place].value
    return paper.secret_of(table.printer.sheets[holder.envelope, plan.given_out[place].label].lines)


def _who(holders: Sequence[Holder]) -> str:
    return "+".join(holder.person for holder in holders)
