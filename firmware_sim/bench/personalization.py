"""Cards personalised a second: the production machine on twins of this process, no bank, no database, no reader."""

from collections.abc import Iterator
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.domain.identity import RegionCode
from firmware_sim.bench.figure import Effort, Figure, per_second, take_pairs
from firmware_sim.bench.street import open_centre
from firmware_sim.bench.tape import BareExchange, Tape
from firmware_sim.card.chip import blank_values, memory_chip
from firmware_sim.card.factory import BATCH, CARD_PROFILES
from firmware_sim.rack import DirectRack
from issuance.numbers import PurseSerial, card_number
from issuance.personalization.content import CardModel, make_content, make_identity
from issuance.personalization.machine_pcsc import PcscMachine
from issuance.personalization.script import Script, build_script
from issuance.reference import load_reference
from issuance.rows import PersonRow
from issuance.settings import IssuanceSettings
from keys.centre import KeyCentre

SLOT = "encoder-0"
_REGION = RegionCode("460100")


def run(effort: Effort) -> Iterator[Figure]:
    """`personalize_in_process`: identity, keys, content, burning, read-back with every field compared.

    The bare side sends the recorded commands to blank twins which draw the same random numbers, and checks nothing but
    the answers' bytes.
    """
    shop = _Shop(open_centre())
    tape = Tape()
    shop.make(shop.blank(), tape)

    def ours() -> float:
        rack = shop.blank()
        return per_second(lambda: shop.make(rack), 1)

    def bare() -> float:
        exchange = BareExchange(shop.blank())
        return per_second(lambda: exchange.play(tape), 1)

    pairs = take_pairs(ours, bare, effort.pick(60, 3), effort, limit_s=10)
    extra = {"apdus": len(tape.exchanges()), "apdu_bytes": tape.apdu_bytes()}
    yield Figure("personalize_in_process", "cards/s", "same APDUs, same twins", "higher", pairs, extra)


class _Shop:
    """Makes the same card again and again, each time on a new blank."""

    def __init__(self, centre: KeyCentre) -> None:
        self._centre = centre
        self._model = CardModel(*CARD_PROFILES)
        self._blank = blank_values(CARD_PROFILES, centre.transport_key(BATCH).reveal(), BATCH)

    def blank(self) -> DirectRack:
        """A rack with a blank in the slot."""
        rack = DirectRack(SeededEntropy(11, "rack"))
        rack.insert_chip(SLOT, memory_chip(dict(self._blank), SeededEntropy(12, "blank")))
        return rack

    def make(self, rack: DirectRack, tape: Tape | None = None) -> None:
        """One card, start to read-back. Raises what the machine raises: then the bench has no figure."""
        reader = tape.listen(SLOT, rack.reader(SLOT)) if tape else rack.reader(SLOT)
        entropy = SeededEntropy(13, "machine")
        machine = PcscMachine(SLOT, reader, _Fed(), model=self._model, centre=self._centre, entropy=entropy)
        machine.take(Path(SLOT))
        script = self._script()
        machine.burn(script)
        machine.read_back(script)
        machine.release()

    def _script(self) -> Script:
        settings, reference = IssuanceSettings(), load_reference()
        identity = make_identity(
            self._model,
            self._centre,
            region=_REGION,
            chip_serial=1,
            card_no=card_number("H", 1),
            purse=PurseSerial("03105170010000000001"),
            issuer=bytes.fromhex(settings.issuer),
            ecard_serial="4601002026000000017",
            issued="20261123",
            valid_to="20361122",
        )
        content = make_content(self._model, identity, _person(), settings.marks, reference.transit)
        return build_script(self._model, identity, content, self._centre)


class _Fed:
    """A feeder whose chip lies in the slot already."""

    def insert(self, slot: str, chip: Path) -> None:
        """It is there."""

    def eject(self, slot: str) -> None:
        """It may stay."""


def _person() -> PersonRow:
    return PersonRow(
        person_id="bench-0001",
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
