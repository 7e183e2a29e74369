"""Holding a ceremony: the plan from its opening to its closing line, or void.

Every card and envelope is named in the transcript before it is touched, so that even a ceremony that lost its power
can say what must be destroyed. The artefact gets its name only after the closing line is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from card.domain.entropy import SeededEntropy
from card.errors import CardError
from keys.algorithms.sm3 import sm3
from keys.ceremony.artefact import build, file_name
from keys.ceremony.errors import (
    CheckValueError,
    RehearsalError,
    UsedError,
    VoidError,
)
from keys.ceremony.giving import Giver, Making
from keys.ceremony.parts import Part, join, make_key
from keys.ceremony.plan import Holder, Plan
from keys.ceremony.table import Room
from keys.ceremony.taking import read_card, read_lines
from keys.ceremony.transcript import CLOSED, NAME, OPENED, VOID, Transcript, closed, sync_folder, to_destroy
from keys.errors import KeysError, ProductionRefusedError
from keys.hsm import SecretKey
from keys.hsm_software import PRODUCTION
from keys.well_known import refuse_well_known

UNFINISHED: Final = ".unfinished"
_PRESENT = ("officer", "witness", "auditor", "custodian")
_CLOSING = ("officer", "witness", "auditor")


@dataclass(frozen=True, slots=True)
class Held:
    """A closed ceremony."""

    folder: Path
    transcript: Path
    artefact: Path
    head: str


def ceremony_folder(out: Path, plan_id: str, rehearsal: bool) -> Path:
    """Where a ceremony lies: a folder of its own, marked when it is a rehearsal."""
    return out / file_name(plan_id, rehearsal, "ceremony")


def hold(plan: Plan, out: Path, room: Room) -> Held:
    """Hold the ceremony of `plan` in a new folder under `out`.

    UsedError when its number was used, RehearsalError when rehearsal and production meet: then nothing was begun.
    VoidError afterwards, whatever stopped it.
    """
    _check_mode(plan, room)
    folder = ceremony_folder(out, plan.head.id, plan.rehearsal)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsedError(str(folder)) from None
    transcript = Transcript(folder / NAME, room.clock, rehearsal=plan.rehearsal)
    name = folder / file_name(plan.head.id, plan.rehearsal, "json")
    try:
        _Session(plan, room, transcript).run(name)
    except (KeysError, CardError, OSError, KeyboardInterrupt, EOFError) as stop:
        if not closed(transcript.settle()):
            raise make_void(transcript, name, stop) from stop
    finally:
        transcript.close()
    unfinished(name).replace(name)
    sync_folder(folder)
    return Held(folder, transcript.path, name, transcript.head)


def unfinished(name: Path) -> Path:
    """Where an artefact lies before its ceremony is closed."""
    return name.with_name(name.name + UNFINISHED)


def _check_mode(plan: Plan, room: Room) -> None:
    if plan.rehearsal is (room.profile == PRODUCTION):
        raise RehearsalError(f"the plan is {plan.head.mode}, this installation is {room.profile}")
    if not plan.rehearsal and isinstance(room.entropy, SeededEntropy):
        raise ProductionRefusedError("seeded chance is a stand-in")


def make_void(transcript: Transcript, name: Path, stop: BaseException) -> VoidError:
    """Write the voiding line; the error that says what to destroy."""
    reason = getattr(stop, "code", type(stop).__name__)
    destroy = to_destroy(transcript.records)
    transcript.add(VOID, reason=reason, destroy=destroy)
    unfinished(name).unlink(missing_ok=True)
    return VoidError(str(stop) or reason, destroy)


class _Session:
    """The steps, in their only order."""

    def __init__(self, plan: Plan, room: Room, transcript: Transcript) -> None:
        self._plan, self._room, self._transcript = plan, room, transcript
        self._making = Making()
        self._giver = Giver(plan, room, transcript, self._making)

    def run(self, name: Path) -> None:
        """Up to the closing line; the artefact lies at `unfinished(name)` then."""
        self._open()
        self._make()
        for number, holder in enumerate(self._plan.holders, 1):
            self._giver.give(number, holder)
        self._prove()
        raw = build(self._plan, self._making.keys, self._making.given)
        with unfinished(name).open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        self._transcript.add("artefact", file=name.name, sm3=sm3(raw).hex())
        self._sign_off(_CLOSING, "核对无误，同意结束", "checked, agrees to close")
        self._transcript.add(CLOSED, by=self._present(_CLOSING))

    def _open(self) -> None:
        plan, head = self._plan, self._plan.head
        self._transcript.add(
            OPENED,
            ceremony=head.id,
            mode=head.mode,
            plan=plan.digest.hex(),
            review=head.review,
            author=head.author,
            reviewed_by=list(head.reviewed_by),
            place=head.place,
            day=head.day.isoformat(),
            scheme={"kind": plan.scheme.kind, "parts": plan.scheme.parts, "need": plan.scheme.need},
        )
        self._sign_off(_PRESENT, "在场", "is present")
        self._transcript.add("present", people=self._present(_PRESENT))

    def _make(self) -> None:
        plan, making = self._plan, self._making
        for key in plan.keys:
            if key.out == "parts":
                value, values = make_key(plan.scheme, key.bytes, key.label, self._room.entropy)
                making.parts[key.label] = [
                    Part(plan.head.id, key.label, key.version, number, part) for number, part in enumerate(values, 1)
                ]
                making.given[key.label] = []
            else:
                value = self._room.entropy.token(key.bytes)
                refuse_well_known(value, key.label)
            secret = making.keys[key.label] = SecretKey(value, label=key.label, algorithm=key.algorithm)
            facts = {"label": key.label, "version": key.version, "algorithm": key.algorithm, "bytes": key.bytes}
            self._transcript.add("key-made", **facts, kcv=secret.kcv.hex(), out=key.out)
            check = secret.kcv.hex().upper()
            self._room.desk.tell(f"{key.label} 已生成，校验值 {check}", f"{key.label} made, check value {check}")

    # ---- proving ----------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """Every card is read again with its holder's PIN, and every set that the policy allows gives the keys back."""
        found: dict[str, dict[int, bytes]] = {key.label: {} for key in self._plan.given_out}
        for number, holder in enumerate(self._plan.holders, 1):
            parts = self._again(number, holder)
            for part, made in zip(parts, self._giver.parts_of(number), strict=True):
                part.check(made.commitment)
                found[part.label][number] = part.value
        for label, values in found.items():
            sets = list(combinations(sorted(values), self._plan.scheme.need))
            for chosen in sets:
                key = join(self._plan.scheme, [values[number] for number in chosen])
                if key != self._making.keys[label].reveal():
                    raise CheckValueError(f"{label} from parts {chosen}")
            kcv = self._making.keys[label].kcv.hex()
            self._transcript.add("proved", label=label, kcv=kcv, sets=len(sets))
            self._room.desk.tell(
                f"{label} 由每一组合规份额恢复一致（{len(sets)} 组）", f"{label} comes back from all {len(sets)} sets"
            )

    def _again(self, number: int, holder: Holder) -> list[Part]:
        name = self._plan.name(holder.person)
        if "card" in holder.media:
            return read_card(self._room, holder.serial, name, len(self._plan.given_out))
        return [
            Part(made.ceremony, made.label, made.version, number, read_lines(self._room, holder.envelope, name, made))
            for made in self._giver.parts_of(number)
        ]

    # ---- people -----------------------------------------------------------------------------------------------

    def _present(self, roles: Sequence[str]) -> list[str]:
        return [person.id for person in self._plan.persons if set(person.roles) & set(roles)]

    def _sign_off(self, roles: Sequence[str], zh: str, en: str) -> None:
        for person in self._present(roles):
            self._room.desk.confirm(self._plan.name(person), zh, en)
