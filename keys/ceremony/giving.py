"""Giving the parts out: onto cards, each slot read back, and onto paper into numbered envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from keys.ceremony import paper, shares
from keys.ceremony.custody_card import EMPTY, NO_PIN, SLOTS, CustodyCard
from keys.ceremony.errors import CustodyCardError
from keys.ceremony.parts import Part, check_value
from keys.ceremony.plan import Holder, Plan
from keys.ceremony.table import Room, Sheet
from keys.ceremony.transcript import Transcript
from keys.errors import ProductionRefusedError
from keys.hsm import SecretKey


@dataclass(slots=True)
class Making:
    """Keys and parts while the ceremony lasts."""

    keys: dict[str, SecretKey] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)  # label -> parts in the order of holders
    given: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # label -> rows of the artefact


class Giver:
    """Every card and envelope is named in the transcript before it is touched."""

    def __init__(self, plan: Plan, room: Room, transcript: Transcript, making: Making) -> None:
        self._plan, self._room, self._transcript, self._making = plan, room, transcript, making

    def give(self, number: int, holder: Holder) -> None:
        where: dict[str, Any] = {"part": number, "person": holder.person}
        if "card" in holder.media:
            self._write_card(number, holder)
            where |= {"card": holder.card, "serial": holder.serial}
        if "paper" in holder.media:
            self._print_sheets(number, holder)
            where |= {"envelope": holder.envelope}
        for slot, key in enumerate(self._plan.given_out, 1):
            part = self._making.parts[key.label][number - 1]
            row = where | ({"slot": slot} if "card" in holder.media else {})
            row |= {"check": self._check(part), "commitment": part.commitment.hex()}
            self._making.given[key.label].append(row)

    def _write_card(self, number: int, holder: Holder) -> None:
        name = self._plan.name(holder.person)
        card = CustodyCard(self._room.cards.insert(holder.serial))
        try:
            self._check_new(card, holder)
            self._transcript.add(
                "card-begun", serial=holder.serial, kind=holder.card, person=holder.person, part=number
            )
            card.set_pin(self._room.desk.new_pin(name))
            written = []
            for slot, part in enumerate(self.parts_of(number), 1):
                card.write(slot, part)
                if card.read(slot) != part:
                    raise CustodyCardError(f"slot {slot} of {holder.serial} holds something else than was written")
                written.append(self._written(slot, part))
        finally:
            card.close()
        self._transcript.add("card-written", serial=holder.serial, person=holder.person, part=number, slots=written)
        self._room.desk.tell(
            f"第 {number} 份已写入卡 {holder.serial}（{name}）", f"part {number} is on card {holder.serial}"
        )

    def _check_new(self, card: CustodyCard, holder: Holder) -> None:
        if card.stand_in and not self._plan.rehearsal:
            raise ProductionRefusedError("a custody card in software")
        state = card.state()
        if state.serial != holder.serial.upper() or state.kind != holder.card:
            raise CustodyCardError(f"{state.kind} card {state.serial}, the plan says {holder.card} {holder.serial}")
        if state.pin != NO_PIN or state.slots != bytes((EMPTY,)) * SLOTS:
            raise CustodyCardError(f"card {state.serial} is not new")

    def _print_sheets(self, number: int, holder: Holder) -> None:
        name, plan = self._plan.name(holder.person), self._plan
        self._transcript.add("sheet-begun", envelope=holder.envelope, person=holder.person, part=number)
        written = []
        for slot, part in enumerate(self.parts_of(number), 1):
            spelled = shares.words(part.value) if plan.scheme.kind == "shares" else ""
            sheet = Sheet(
                plan.head.id,
                holder.envelope,
                name,
                part.label,
                number,
                plan.scheme.parts,
                self._check(part),
                tuple(paper.lines(part.value)),
                spelled,
                plan.rehearsal,
            )
            self._room.printer.print(sheet)
            written.append(self._written(slot, part))
        self._room.desk.confirm(name, f"已封入信封 {holder.envelope}", f"sealed in envelope {holder.envelope}")
        self._transcript.add(
            "sheet-sealed", envelope=holder.envelope, person=holder.person, part=number, sheets=written
        )

    def _written(self, slot: int, part: Part) -> dict[str, Any]:
        return {"slot": slot, "label": part.label, "check": self._check(part), "commitment": part.commitment.hex()}

    def parts_of(self, number: int) -> list[Part]:
        return [self._making.parts[key.label][number - 1] for key in self._plan.given_out]

    def _check(self, part: Part) -> str:
        algorithm = self._making.keys[part.label].algorithm
        return check_value(self._plan.scheme.kind, algorithm, part)
