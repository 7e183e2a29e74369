"""Bringing parts together again: enough of them, each compared with its commitment, the keys by their check values.

A recovery makes no artefact: it gives the keys to a store, if one is there, and in memory to whoever asked, and leaves
a transcript. Stopped anywhere it is void, and nothing has to be destroyed. Transport cards are emptied last, when the
plan says so, and only when a store has taken the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from card.errors import CardError
from keys import tree
from keys.ceremony.artefact import Artefact, check_kcv, open_sealed
from keys.ceremony.errors import CustodyCardError, PlanError, QuorumError, RehearsalError, UsedError
from keys.ceremony.holding import ceremony_folder, make_void
from keys.ceremony.parts import Part, join
from keys.ceremony.plan import Bringer, RecoveryPlan
from keys.ceremony.standing import artefact_of
from keys.ceremony.table import Room
from keys.ceremony.taking import empty_card, read_card, read_lines
from keys.ceremony.transcript import CLOSED, NAME, OPENED, Transcript, closed
from keys.errors import KeysError
from keys.hsm import SecretKey
from keys.hsm_software import PRODUCTION


class Receives(Protocol):
    """A store that takes masters of the key tree."""

    def import_key(self, label: str, key: bytes, *, version: int = 1) -> None:
        """KeysError when it refuses."""
        ...


@dataclass(frozen=True, slots=True)
class Recovered:
    """Every key of the ceremony, by label; versions as its artefact has them."""

    folder: Path
    head: str
    keys: Mapping[str, SecretKey]
    versions: Mapping[str, int]


def recover(plan: RecoveryPlan, source: Path, out: Path, room: Room, store: Receives | None = None) -> Recovered:
    """Recover the keys of the ceremony in folder `source`; `store` takes those of the key tree.

    PlanError, TranscriptError, QuorumError, RehearsalError, UsedError: nothing was begun. VoidError afterwards.
    """
    artefact = artefact_of(source)
    _check(plan, artefact, room)
    if plan.head.empty_cards and store is None:
        raise PlanError("no store takes the keys here, so no card is emptied")
    folder = ceremony_folder(out, plan.head.id, plan.rehearsal)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsedError(str(folder)) from None
    transcript = Transcript(folder / NAME, room.clock, rehearsal=plan.rehearsal)
    keys: dict[str, SecretKey] = {}
    try:
        _Gathering(plan, artefact, room, transcript).run(keys, store)
    except (KeysError, CardError, OSError, KeyboardInterrupt, EOFError) as stop:
        if not closed(transcript.settle()):
            raise make_void(transcript, folder / "none", stop) from stop
    finally:
        transcript.close()
    return Recovered(folder, transcript.head, keys, {row["label"]: row["version"] for row in artefact.keys})


def _check(plan: RecoveryPlan, artefact: Artefact, room: Room) -> None:
    if plan.head.of != artefact.ceremony:
        raise PlanError(f"the plan recovers {plan.head.of}, this is {artefact.ceremony}")
    if plan.rehearsal is not artefact.rehearsal or plan.rehearsal is (room.profile == PRODUCTION):
        raise RehearsalError(f"the plan is {plan.head.mode}, the ceremony {artefact.document['mode']}, {room.profile}")
    numbers = {_row_of(artefact.keys[0], holder)["part"] for holder in plan.holders}
    if len(numbers) < artefact.scheme.need:
        raise QuorumError(f"{len(numbers)} parts, {artefact.scheme.need} of {artefact.scheme.parts} are needed")


def _row_of(key: Mapping[str, Any], holder: Bringer) -> Mapping[str, Any]:
    """Which part a card or envelope holds. PlanError when the ceremony gave out no such thing."""
    for row in key["parts"]:
        if holder.medium == "card" and row.get("serial") == holder.serial:
            return dict(row)
        if holder.medium == "paper" and row.get("envelope") == holder.envelope:
            return dict(row)
    raise PlanError(f"{holder.serial or holder.envelope} holds no part of {key['label']}")


class _Gathering:
    """The steps of a recovery."""

    def __init__(self, plan: RecoveryPlan, artefact: Artefact, room: Room, transcript: Transcript) -> None:
        self._plan, self._artefact, self._room, self._transcript = plan, artefact, room, transcript
        self._given = [row for row in artefact.keys if "parts" in row]

    def run(self, keys: dict[str, SecretKey], store: Receives | None) -> None:
        """Fill `keys`, hand them over, then close."""
        head = self._plan.head
        self._transcript.add(
            OPENED,
            ceremony=head.id,
            mode=head.mode,
            plan=self._plan.digest.hex(),
            review=head.review,
            author=head.author,
            reviewed_by=list(head.reviewed_by),
            place=head.place,
            day=head.day.isoformat(),
            recovers=head.of,
            reason=head.reason,
        )
        for person in self._plan.persons:
            if person.roles:
                self._room.desk.confirm(person.name, "在场", "is present")
        self._transcript.add("present", people=[person.id for person in self._plan.persons if person.roles])
        values: dict[str, dict[int, bytes]] = {row["label"]: {} for row in self._given}
        for holder in self._plan.holders:
            self._take(holder, values)
        for row in self._given:
            chosen = sorted(values[row["label"]])[: self._artefact.scheme.need]
            value = join(self._artefact.scheme, [values[row["label"]][number] for number in chosen])
            self._recovered(row, SecretKey(value, label=row["label"], algorithm=row["algorithm"]), keys)
        for row in self._artefact.keys:
            if "sealed" in row:
                self._recovered(row, open_sealed(row, keys[row["sealed"]["under"]]), keys)
        if store is not None:
            self._hand_over(keys, store)
        if self._plan.head.empty_cards:
            self._empty()
        self._transcript.add(CLOSED)

    def _hand_over(self, keys: Mapping[str, SecretKey], store: Receives) -> None:
        taken = [row for row in self._artefact.keys if row["label"] in tree.entries()]
        for row in taken:
            store.import_key(row["label"], keys[row["label"]].reveal(), version=row["version"])
        self._transcript.add("keys-stored", labels=[row["label"] for row in taken])

    def _empty(self) -> None:
        for holder in self._plan.holders:
            if holder.medium == "card" and _row_of(self._given[0], holder)["card"] == "transport":
                self._transcript.add("card-emptying", serial=holder.serial, person=holder.person)
                empty_card(self._room, holder.serial, self._plan.name(holder.person), len(self._given))
                self._transcript.add("card-emptied", serial=holder.serial, person=holder.person)

    def _take(self, holder: Bringer, values: dict[str, dict[int, bytes]]) -> None:
        name = self._plan.name(holder.person)
        rows = [_row_of(row, holder) for row in self._given]
        if holder.medium == "card":
            parts = read_card(self._room, holder.serial, name, len(self._given))
        else:
            parts = [self._typed(key, row, holder, name) for key, row in zip(self._given, rows, strict=True)]
        for part, key, row in zip(parts, self._given, rows, strict=True):
            if (part.ceremony, part.label, part.number) != (self._artefact.ceremony, key["label"], row["part"]):
                raise CustodyCardError(f"{holder.serial or holder.envelope} holds {part!r}")
            part.check(bytes.fromhex(row["commitment"]))
            values[part.label][part.number] = part.value
        facts = {"serial": holder.serial} if holder.medium == "card" else {"envelope": holder.envelope}
        self._transcript.add("part-taken", person=holder.person, part=rows[0]["part"], **facts)
        self._room.desk.tell(f"第 {rows[0]['part']} 份核对无误（{name}）", f"part {rows[0]['part']} is right")

    def _typed(self, key: Mapping[str, Any], row: Mapping[str, Any], holder: Bringer, name: str) -> Part:
        blank = Part(self._artefact.ceremony, key["label"], key["version"], row["part"], b"")
        value = read_lines(self._room, holder.envelope, name, blank)
        return Part(blank.ceremony, blank.label, blank.version, blank.number, value)

    def _recovered(self, row: Mapping[str, Any], key: SecretKey, keys: dict[str, SecretKey]) -> None:
        check_kcv(row, key)
        keys[key.label] = key
        self._transcript.add("key-recovered", label=key.label, version=row["version"], kcv=key.kcv.hex())
        check = key.kcv.hex().upper()
        self._room.desk.tell(f"{key.label} 已恢复，校验值 {check} 一致", f"{key.label} recovered, check value {check}")
