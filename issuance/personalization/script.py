"""The steps that turn a blank chip into one person's card, in the order in which they are burned.

A script names keys and never holds them: the machine asks the key centre while it burns. Its digest is stored before
the first step, so what was meant can be proven afterwards. Every step may be repeated with the same effect, so a
script that stopped is started again from its beginning (keys-and-purse §3.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from card.domain.event import canonical
from card.files.kinds import AnyEf, CyclicEf, KeySpec, RecordEf
from issuance.personalization.content import CardModel, Content, Identity
from keys.algorithms.sm3 import sm3
from keys.centre import KeyCentre
from keys.hsm import SecretKey

MASTER_TYPE = 0x00  # card §3.1 (B)
PIN_TYPE = 0x01


@dataclass(frozen=True, slots=True)
class Initialise:
    """Region and serial into the answer to reset, then reset."""

    region: bytes
    serial: bytes


@dataclass(frozen=True, slots=True)
class ReplaceMaster:
    """The transport key of a directory gives way to the card's master key, after it has proven its version."""

    dir: str
    key: KeySpec


@dataclass(frozen=True, slots=True)
class LoadKey:
    """One key under the master key of its directory."""

    dir: str
    key: KeySpec


@dataclass(frozen=True, slots=True)
class LoadPin:
    """The initial PIN, which opens nothing until the holder has changed it."""

    dir: str
    tries: int


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """One record, tag ‖ length ‖ value."""

    dir: str
    ef: RecordEf
    number: int
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WriteBinary:
    """A transparent file from its first byte."""

    dir: str
    ef: AnyEf
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of personalisation: from here on the access rules of the profile hold."""

    dir: str


Step: TypeAlias = Initialise | ReplaceMaster | LoadKey | LoadPin | WriteRecord | WriteBinary | Finish


@dataclass(frozen=True, slots=True)
class Script:
    """All steps of one card, with the keys they name and the content that must come back."""

    identity: Identity
    steps: tuple[Step, ...]
    content: Content
    keys: Mapping[str, SecretKey] = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SM3 over the steps; a key stands in it by its check value."""
        head = [self.identity.card_id.hex, self.identity.card_no.text, self.identity.purse.digits]
        return sm3(canonical([*head, [self._line(step) for step in self.steps]]))

    def _line(self, step: Step) -> list[str]:
        kind = type(step).__name__
        if isinstance(step, Initialise):
            return [kind, step.region.hex(), step.serial.hex()]
        if isinstance(step, ReplaceMaster | LoadKey):
            return [kind, step.dir, step.key.name, str(step.key.version), self.keys[step.key.name].kcv.hex()]
        if isinstance(step, WriteRecord):
            return [kind, step.ef.path, str(step.number), sm3(step.raw).hex()]
        if isinstance(step, WriteBinary):
            return [kind, step.ef.path, sm3(step.raw).hex()]
        return [kind, step.dir]

    def check_values(self) -> dict[str, str]:
        """Key name -> check value in hex: public, for the making record."""
        names = [step.key.name for step in self.steps if isinstance(step, ReplaceMaster | LoadKey)]
        return {name: self.keys[name].kcv.hex() for name in names}


def build_script(model: CardModel, identity: Identity, content: Content, centre: KeyCentre) -> Script:
    """Initialise, every master key, then directory by directory keys and data, then the end."""
    steps: list[Step] = [Initialise(identity.region.bcd, identity.chip_serial)]
    for directory in model.tree.dirs:
        steps += [ReplaceMaster(directory.name, key) for key in _keys(model, directory.name) if key.type == MASTER_TYPE]
    for directory in model.tree.dirs:
        steps += [LoadKey(directory.name, key) for key in _keys(model, directory.name) if key.type != MASTER_TYPE]
        if model.pin.dir == directory.name:
            steps.append(LoadPin(directory.name, model.pin.max_tries))
        for ef in model.tree.files_of(directory.name):
            steps += _data_steps(ef, content)
    steps.append(Finish(model.tree.dirs[0].name))
    keys = dict(centre.card_keys(identity.f_city, identity.f_card))
    keys.update(centre.purse_keys(identity.issuer, identity.purse.asn.raw))
    return Script(identity, tuple(steps), content, keys)


def _keys(model: CardModel, directory: str) -> list[KeySpec]:
    """Keys that live on the chip, not those a profile lists for its PSAM only."""
    return [key for key in model.tree.keys if key.dir == directory and key.type is not None]


def _data_steps(ef: AnyEf, content: Content) -> list[Step]:
    if isinstance(ef, CyclicEf) or not ef.personalised:  # left blank for the office that keeps it
        return []
    parts = content.files[ef.path]
    if isinstance(ef, RecordEf):
        return [WriteRecord(ef.dir, ef, item.no, raw) for item, raw in zip(ef.records, parts, strict=True)]
    return [WriteBinary(ef.dir, ef, parts[0])]
