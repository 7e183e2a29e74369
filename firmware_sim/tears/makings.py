"""Personalisation cut anywhere: the machine takes the chip again and burns from the beginning.

What a torn chip remembers is what it had committed, and the machine's own record does not change while it burns. So
cuts that leave the same memory behind have the same future: each distinct memory is resumed once, every cut is counted.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.domain.identity import RegionCode
from card.errors import CardLostError
from firmware_sim.card.chip import blank_values
from firmware_sim.card.cuts import CutPlan, CutPoint
from firmware_sim.card.factory import BATCH, CARD_PROFILES
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.slot import Slot
from firmware_sim.tears.chips import TornSlot, centre
from firmware_sim.tears.cutting import Cut, Enumeration, Operation, Settled
from issuance.errors import ChipRefusedError, ReadBackError
from issuance.numbers import PurseSerial, card_number
from issuance.personalization.content import CardModel, make_content, make_identity
from issuance.personalization.machine_pcsc import PcscMachine
from issuance.personalization.script import Script, build_script
from issuance.reference import load_reference
from issuance.rows import PersonRow
from issuance.settings import IssuanceSettings
from terminal.screen import Screen, Tone, screen

ENCODER = "encoder-0"
MADE, RESUMED = "S-CHIP-MADE", "S-CHIP-RESUMED"
TIMES = 6  # a machine that loses its chip takes it again


@cache
def script() -> Script:
    """One person's card, the same every time."""
    settings, reference, model = IssuanceSettings(), load_reference(), CardModel(*CARD_PROFILES)
    identity = make_identity(
        model,
        centre(),
        region=RegionCode("460100"),
        chip_serial=1,
        card_no=card_number("H", 1),
        purse=PurseSerial("03105170010000000001"),
        issuer=bytes.fromhex(settings.issuer),
        ecard_serial="4601002026000000017",
        issued="20261123",
        valid_to="20361122",
    )
    person = PersonRow(
        person_id="tear-0001",
        name="王小明",
        id_type="01",
        id_no="460106199001010017",
        sex="1",
        nation="01",
        birth_date="19900101",
        region="460106",
        household_address="海南省海口市示例路1号",
        living_address="海南省海口市示例路2号",
        mobile="19900000001",
        guardian_name="",
    )
    return build_script(
        model, identity, make_content(model, identity, person, settings.marks, reference.transit), centre()
    )


class _Fed:
    """A feeder whose chip lies in the slot already."""

    def insert(self, slot: str, chip: Path) -> None:
        """It is there."""

    def eject(self, slot: str) -> None:
        """It may stay."""


class Making:
    """One blank chip on the encoder, or one that was torn in the middle."""

    def __init__(self, values: Mapping[str, bytes] | None = None) -> None:
        blank = blank_values(CARD_PROFILES, centre().transport_key(BATCH).reveal(), BATCH)
        self.chip = TornSlot(ENCODER, values or blank)
        self._begun = values is not None
        self._machine = PcscMachine(
            ENCODER,
            self.chip.reader,
            _Fed(),
            model=CardModel(*CARD_PROFILES),
            centre=centre(),
            entropy=SeededEntropy(13, "machine"),
        )
        self._said: list[Screen] = []

    @property
    def slot(self) -> Slot:
        return self.chip.slot

    def run(self) -> None:
        """Take, burn, read back; what the machine says is kept."""
        try:
            self._machine.take(Path(ENCODER))
            self._machine.burn(script())
            self._machine.read_back(script())
        except (CardLostError, ChipRefusedError, ReadBackError) as bad:
            self._said.append(screen(bad.code, Tone.WAIT))
        else:
            self._said.append(screen(RESUMED if self._said or self._begun else MADE, Tone.GO))
        self._machine.release()

    def settle(self, again: FaultPlan) -> Settled:
        """The same chip once more, from the beginning of its script."""
        stood = self.chip.values == finished()
        self.chip.again()
        self.slot.suffer(again)
        for _ in range(TIMES):
            self.run()
            if self._said[-1].code in (MADE, RESUMED):
                break
            if not self.slot.occupied:
                self.chip.again()
        wrong = [] if self._said[-1].code == RESUMED else [f"not resumed: {self._said[-1].code}"]
        wrong += [f"{name} differs from a card made without a tear" for name in _differing(self.chip.values)]
        return Settled("completed" if stood else "undone", tuple(self._said), tuple(wrong))


@cache
def finished() -> Mapping[str, bytes]:
    """The memory of the card when nothing happens to it."""
    making = Making()
    making.run()
    return making.chip.values


def _differing(values: Mapping[str, bytes]) -> list[str]:
    wanted = finished()
    return sorted(name for name in {*wanted, *values} if wanted.get(name) != values.get(name))


MAKING = Operation("personalisation", "个人化", Making)


def enumerate_makings() -> Enumeration:
    """Every cut of a personalisation, each distinct memory resumed once."""
    memories: list[tuple[CutPoint, dict[str, bytes]]] = []
    first = Making()
    first.slot.suffer(CutPlan(watch=lambda point: memories.append((point, first.chip.values))))
    first.run()
    resumed: dict[tuple[tuple[str, bytes], ...], Settled] = {}
    cuts = []
    for point, values in memories:
        key = tuple(sorted(values.items()))
        if key not in resumed:
            resumed[key] = Making(values).settle(FaultPlan())
        cuts.append(Cut(point, resumed[key]))
    return Enumeration(MAKING, tuple(point for point, _ in memories), tuple(cuts))
