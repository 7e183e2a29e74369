"""A personalisation machine that is a PC/SC encoder: the declared COS management commands over one reader slot.

Keys are wrapped outside the store (keys/hsm.py says why); nothing here keeps, logs or compares a key in the clear.
"""

from pathlib import Path
from typing import Final

from card import commands
from card.application import Session
from card.channel import standard
from card.commands import KeyHeader
from card.domain.entropy import Entropy
from card.errors import CardError, ForeignCardError
from card.files.kinds import KeySpec
from card.files.profile import CosSpec
from card.pin import Pin
from card.readers.reader import Reader
from card.session import atr_facts
from card.status import ask
from card.wire import CardChannel
from issuance.errors import ChipRefusedError, KeyDowngradeError, KeyWrongError
from issuance.personalization.content import CardModel
from issuance.personalization.machine import Certificate, ChipFacts, Feeder
from issuance.personalization.proof import TRANSPORT_VERSION, Claim, ProofWatch
from issuance.personalization.readback import ReadBack
from issuance.personalization.script import (
    PIN_TYPE,
    Finish,
    Initialise,
    LoadKey,
    LoadPin,
    ReplaceMaster,
    Script,
    Step,
    WriteBinary,
    WriteRecord,
)
from keys.algorithms import tdes
from keys.algorithms.mac import retail_mac
from keys.centre import KeyCentre
from keys.hsm import SecretKey

AUTH_CHALLENGE: Final = 8
MAC_CHALLENGE: Final = 4
MASTER_KID: Final = 0
PIN_VERSION: Final = 1


class DirectoryKey:
    """The line key of one directory: the master key or transport key it holds at this moment."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    def mac(self, initial: bytes, message: bytes) -> bytes:
        return retail_mac(self._key.reveal(), message, initial)

    def encrypt(self, blocks: bytes) -> bytes:
        return tdes.encrypt_ecb(self._key.reveal(), blocks)

    def cryptogram(self, challenge: bytes) -> bytes:
        """3DES(K, R), 8 bytes (card §2.2 no. 5)."""
        return tdes.encrypt_ecb(self._key.reveal(), challenge)


class PcscMachine:
    """One encoder slot over its reader."""

    def __init__(
        self,
        slot: str,
        reader: Reader,
        feeder: Feeder,
        *,
        model: CardModel,
        centre: KeyCentre,
        entropy: Entropy,
        watch: ProofWatch | None = None,
    ) -> None:
        """`watch` is what the slots of one line share."""
        self._slot = slot
        self._reader = reader
        self._feeder = feeder
        self._model = model
        self._centre = centre
        self._entropy = entropy
        self._watch = watch or ProofWatch(entropy)
        self._channel: CardChannel | None = None

    def take(self, chip: Path) -> ChipFacts:
        """Feed the chip; a blank proves its transport key, or ChipDoubtError. Nothing secret is said to it."""
        self.release()
        self._feeder.insert(self._slot, chip)
        channel = self._connect()
        try:
            facts = atr_facts(channel.atr, self._model.card_profile)
        except ForeignCardError:
            raise ChipRefusedError("answer to reset of another kind of chip") from None
        burner = Burner(channel, self._model, self._centre, {}, self._watch)
        lifecycle, batch = burner.look()
        return ChipFacts(
            blank=lifecycle == burner.cos.lifecycle["blank"],
            personalised=lifecycle == burner.cos.lifecycle["personalised"],
            batch=batch,
            region=facts.historical[-6:-3],
            serial=facts.historical[-3:],
        )

    def burn(self, script: Script) -> None:
        burner = Burner(self._open_channel(), self._model, self._centre, dict(script.keys), self._watch)
        burner.run(script)

    def read_back(self, script: Script) -> Certificate:
        channel = self._open_channel()
        channel.reset()
        return ReadBack(channel, self._model, self._centre, self._entropy).certify(script)

    def release(self) -> None:
        channel, self._channel = self._channel, None
        try:
            if channel is not None:
                channel.close()
        except CardError:
            pass  # the chip is gone already, which is what is wanted
        finally:
            self._feeder.eject(self._slot)

    def _connect(self) -> CardChannel:
        self._channel = standard(self._reader.connect())
        return self._channel

    def _open_channel(self) -> CardChannel:
        if self._channel is None:
            raise ChipRefusedError("no chip was taken")
        return self._channel


class Burner:
    """One chip in one power-on session: knows which key each directory holds, and burns step after step."""

    def __init__(
        self,
        channel: CardChannel,
        model: CardModel,
        centre: KeyCentre,
        keys: dict[str, SecretKey],
        watch: ProofWatch,
    ) -> None:
        self._channel = channel
        self._model = model
        self._centre = centre
        self._keys = keys
        self._watch = watch
        self._batch = b""
        self._replaced = False
        self._session = Session(channel, model.card_profile)
        self._current = ""
        self._holds: dict[str, DirectoryKey] = {}
        self._version_of: dict[str, int] = {}
        self._root = model.tree.dirs[0].name

    @property
    def cos(self) -> CosSpec:
        cos = self._model.card_profile.cos
        if cos is None:
            raise ChipRefusedError("the card profile declares no management commands")
        return cos

    def look(self) -> tuple[int, bytes]:
        """(life cycle, delivery batch). A blank chip must prove its transport key: ChipDoubtError."""
        self._select(self._root)
        claim = self._watch.ask(self._channel, self.cos)
        if claim.version == TRANSPORT_VERSION:
            self._watch.believe(claim, DirectoryKey(self._centre.transport_key(claim.batch)))
        elif claim.lifecycle == self.cos.lifecycle["blank"]:
            raise KeyWrongError(f"blank, with key version {claim.version}", claim.batch)
        return claim.lifecycle, claim.batch

    def run(self, script: Script) -> None:
        """Every step; a chip that is personalised already is left alone, its read-back will tell."""
        claim = self._open_root(script)
        if claim.lifecycle == self.cos.lifecycle["personalised"]:
            return
        for step in script.steps:
            self._carry_out(step, script)

    def _open_root(self, script: Script) -> Claim:
        self._select(self._root)
        claim = self._prove(self._root, script)
        if claim.lifecycle != self.cos.lifecycle["personalised"]:
            challenge = self._session.challenge(AUTH_CHALLENGE)
            command = commands.external_authenticate_short(MASTER_KID, self._holds[self._root].cryptogram(challenge))
            ask(self._channel, command, "authenticate with the master key")
        return claim

    def _carry_out(self, step: Step, script: Script) -> None:
        if isinstance(step, Initialise):
            self._initialise(step, script)
            return
        self._select(step.dir)
        if isinstance(step, ReplaceMaster):
            self._replace_master(step, script)
        elif isinstance(step, LoadKey):
            header = KeyHeader(step.key.type or 0, step.key.card_kid or 0, step.key.version, tries=step.key.tries)
            self._write_key(header, self._keys[step.key.name].reveal(), f"load {step.key.name}")
        elif isinstance(step, LoadPin):
            header = KeyHeader(PIN_TYPE, 0, PIN_VERSION, tries=step.tries)
            self._write_key(header, Pin(self._model.pin.initial).block(), "load the initial PIN")
        elif isinstance(step, WriteRecord):
            ask(self._channel, commands.update_record(step.number, step.ef.sfi, step.raw), f"write {step.ef.path}")
        elif isinstance(step, WriteBinary):
            ask(self._channel, commands.update_binary(step.ef.sfi, 0, step.raw), f"write {step.ef.path}")
        elif isinstance(step, Finish):
            challenge = self._session.challenge(MAC_CHALLENGE)
            command = commands.end_personalisation(self.cos, self._holds[self._root], challenge)
            ask(self._channel, command, "end of personalisation")

    def _initialise(self, step: Initialise, script: Script) -> None:
        ask(self._channel, commands.initialise_card(self.cos, step.region, step.serial), "initialise")
        if self._channel.reset() != script.identity.atr:
            raise ChipRefusedError("the chip did not take its answer to reset")
        self._current = ""
        self._open_root(script)

    def _replace_master(self, step: ReplaceMaster, script: Script) -> None:
        """Version first, secret second; a directory that holds the card's own master key already is left."""
        if step.dir != self._root:
            self._prove(step.dir, script)
        new = DirectoryKey(self._keys[step.key.name])
        if self._version_of[step.dir] == step.key.version:
            # Masters are replaced in one order: a chip that has this one and wanted an earlier one again went back.
            if self._replaced:
                raise KeyDowngradeError(f"{step.dir} has its own key, a directory before it had not", self._batch)
            return
        header = KeyHeader(step.key.type or 0, step.key.card_kid or 0, step.key.version, tries=step.key.tries)
        self._write_key(header, self._keys[step.key.name].reveal(), f"replace {step.key.name}")
        self._holds[step.dir] = new
        self._version_of[step.dir] = step.key.version
        self._replaced = True

    def _prove(self, directory: str, script: Script) -> Claim:
        """The selected directory's key by its own cryptogram; the key it holds is known afterwards. ChipDoubtError."""
        claim = self._watch.ask(self._channel, self.cos)
        wanted = self._master(directory)
        own = DirectoryKey(self._keys[wanted.name])
        if self._batch and claim.batch != self._batch:
            raise KeyWrongError("another delivery than a moment ago", self._batch)
        if claim.version not in (TRANSPORT_VERSION, wanted.version):
            older = claim.version < wanted.version
            raise (KeyDowngradeError if older else KeyWrongError)(f"key version {claim.version}", claim.batch)
        key = own if claim.version else DirectoryKey(self._centre.transport_key(claim.batch))
        self._watch.believe(claim, key, own)
        if claim.version < self._version_of.get(directory, TRANSPORT_VERSION):
            raise KeyDowngradeError(f"{directory} had the card's own key already", claim.batch)
        self._batch = claim.batch
        self._holds[directory] = key
        self._version_of[directory] = claim.version
        return claim

    def _write_key(self, header: KeyHeader, value: bytes, doing: str) -> None:
        challenge = self._session.challenge(MAC_CHALLENGE)
        command = commands.write_key(self.cos, header, value, self._holds[self._current], challenge)
        ask(self._channel, command, doing)

    def _select(self, directory: str) -> None:
        if self._current == directory:
            return
        profile = next(item for item in self._model.tree.profiles if any(d.name == directory for d in item.dirs))
        try:
            Session(self._channel, profile).select_dir(directory)
        except ForeignCardError:
            raise ChipRefusedError(f"no {directory} on this chip") from None
        self._current = directory

    def _master(self, directory: str) -> KeySpec:
        return next(key for key in self._model.tree.keys if key.dir == directory and key.type == MASTER_KID)
