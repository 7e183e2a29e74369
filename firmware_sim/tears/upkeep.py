"""Records, PIN and keys of a card in use, cut anywhere: the counter's own recovery, every byte of the chip compared."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from card.domain.entropy import SeededEntropy
from card.files.kinds import KeySpec
from card.files.profile import Crypto, load_profile
from card.pin import Pin
from card.readers.reader import Reader
from card.secure_messaging import LineKey
from card.writer import Means, Values
from card.writing import MemoryRecord, OpenWrite
from firmware_sim.card import memory
from firmware_sim.card.factory import CARD_PROFILES, TWIN_PIN
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.slot import Slot
from firmware_sim.tears.chips import TornSlot, card_memory, centre
from firmware_sim.tears.cutting import Ended, Operation, Settled
from keys.card_crypto import CentreCardCrypto, KeyedCardCrypto, authorise_with
from keys.hsm import SecretKey
from terminal.counter.upkeep import UpkeepDesk
from terminal.screen import Screen

PROFILE = "ssc-2.00"
THIRD = (("ssc-3.00", "tunion-sm4"), "ssc-3.00")
TORN = ("E-CARD-LOST", "E-CARD-HALF-WRITTEN", "E-CARD-NONE")
VISITS = 5
# What an authentication may leave behind: counters that are full again.
COUNTERS = ("tries/", memory.PIN_TRIES)


class KeptInMemory(MemoryRecord):
    """The write record of a terminal that stays on while cards are torn from it."""

    def unfinished(self) -> OpenWrite | None:
        return self.open


class UpkeepScene(ABC):
    """A card in use in front of a clerk. Subclasses say what is done, how it is settled and what must stand then."""

    done = ""  # the screen of an untorn deed
    completed = ""  # the next session's word that it stood
    otherwise: tuple[str, ...] = ()  # its words when it did not
    profiles = CARD_PROFILES  # of the chip
    host_profile = PROFILE  # what the host reads it with

    def __init__(self) -> None:
        self._before, self._twin = card_memory(1, self.profiles)
        self._profile = load_profile(self.host_profile)
        self._card = TornSlot("card", self._before)
        self._entropy = SeededEntropy(31, "counter")
        self._record = KeptInMemory()
        self._said: list[Screen] = []
        self._died = False  # the terminal itself, before it could say anything
        self.use(self._card.reader)

    def use(self, reader: Reader) -> None:
        """Serve the card in `reader`."""
        self._desk = UpkeepDesk(reader, self._profile, self._record, self._entropy)

    @property
    def slot(self) -> Slot:
        return self._card.slot

    def run(self) -> None:
        self._said.append(self.deed())

    def settle(self, again: FaultPlan) -> Settled:
        """Until a screen says what stands."""
        after = self.after()
        stood = _same(self._card.values, {**self._before, **after})
        self._died = not self._said
        self._card.again()
        self.use(self._card.reader)  # as after a restart: the record is what the counter knows
        self.slot.suffer(again)
        for _ in range(VISITS):
            if self._said and self._said[-1].code not in TORN:
                break
            self._said.append(self.ask() or self.deed())  # nothing is open: it is begun anew
            if not self.slot.occupied:
                self._card.again()
        ended: Ended = "completed" if stood else "undone"
        wrong = [*self._state(after), *self._words(stood), *self._tries()]
        return Settled(ended, tuple(self._said), tuple(wrong))

    @abstractmethod
    def deed(self) -> Screen:
        """The first session."""

    @abstractmethod
    def ask(self) -> Screen | None:
        """The next session; None when there is nothing to ask about."""

    @abstractmethod
    def after(self) -> Mapping[str, bytes]:
        """What the chip's memory holds otherwise once the deed is done; b"" is gone."""

    def _state(self, after: Mapping[str, bytes]) -> list[str]:
        """All of the deed, or nothing of it, and not a byte besides."""
        last = self._said[-1].code
        whole = last in (self.done, self.completed) or last.endswith("-REDONE")
        wanted = {**self._before, **after} if whole else self._before
        return [] if _same(self._card.values, wanted) else [f"{last}: {_differences(self._card.values, wanted)}"]

    def _words(self, stood: bool) -> list[str]:
        """Done at once, done anew where nothing stood, or the next session's word; a torn session claims nothing."""
        codes = [shown.code for shown in self._said]
        if codes[-1] == self.done:
            return [] if stood == (len(codes) == 1 and not self._died) else [f"called done: {codes}"]
        if any(code not in TORN for code in codes[:-1]):
            return [f"the torn session showed {codes}"]
        return [] if codes[-1] in (self.completed, *self.otherwise) else [f"the screens say {codes}"]

    def _tries(self) -> list[str]:
        """Counters are as full as they were."""
        now = self._card.values
        return [
            f"{name}: {now[name].hex()} tries"
            for name in sorted(now)
            if name.startswith(COUNTERS) and self._settled and now[name] != self._full(name)
        ]

    @property
    def _settled(self) -> bool:
        """The card was asked: its counters are full again."""
        return self._said[-1].code not in TORN

    def _full(self, name: str) -> bytes:
        return self._before.get(name, b"\x06" if name == memory.PIN_TRIES else b"\x03")


class PinChange(UpkeepScene):
    """The holder replaces the PIN."""

    done, completed, otherwise = "S-COUNTER-PIN", "S-PIN-COMPLETED", ("S-PIN-REDONE",)
    new = Pin("246810")

    def deed(self) -> Screen:
        return self._desk.change_pin(TWIN_PIN, self.new)

    def ask(self) -> Screen:
        return self._desk.settle_pin(TWIN_PIN, self.new)

    def after(self) -> Mapping[str, bytes]:
        return {memory.PIN_VALUE: self.new.block()}


class RecordUpdate(UpkeepScene):
    """Several records of one file: DF01 EF06, behind the PIN to read and a key to write."""

    done, completed = "S-RECORD-WRITTEN", "S-RECORD-COMPLETED"
    otherwise = ("S-RECORD-UNDONE", "S-RECORD-REDONE")
    place = "DF01/EF06"
    values: ClassVar[Values] = {
        "living_address": "海南省海口市新址路8号",
        "phone": "13900000008",
        "contact_name": "王大明",
    }

    def deed(self) -> Screen:
        return self._desk.write(self.place, self.values, self._means())

    def ask(self) -> Screen | None:
        return self._desk.settle_write(self._means(), self.values)

    def after(self) -> Mapping[str, bytes]:
        return _untorn(type(self), self._before)

    def _means(self) -> Means:
        crypto = CentreCardCrypto(centre(), self._profile.crypto, self._twin.f_city, self._twin.f_card)
        return Means(authorise_with(crypto, self._entropy), TWIN_PIN)


class OpenRecordUpdate(RecordUpdate):
    """Records anybody may read: SSSE EF06."""

    place = "SSSE/EF06"
    values: ClassVar[Values] = {"nation": "19", "birth_place": "469001"}


@dataclass
class Ring:
    """The keys of one card in two versions; `held` is the version of a key that the card is believed to hold."""

    old: Mapping[str, SecretKey]
    new: Mapping[str, SecretKey]
    crypto: Crypto
    held: dict[str, int] = field(default_factory=dict)

    def authenticate(self, key: KeySpec, process: bytes, original: bytes, version: int | None = None) -> bytes:
        return self._keys(key, version).authenticate(key, process, original)

    def line(self, key: KeySpec, version: int | None = None) -> LineKey:
        if version is not None:
            self.held[key.name] = version
        return self._keys(key, version).line(key)

    def master_proof(self, key: KeySpec, challenge: bytes, version: int | None = None) -> bytes:
        return self._keys(key, self.held.get(key.name, version)).master_proof(key, challenge)

    def _keys(self, key: KeySpec, version: int | None) -> KeyedCardCrypto:
        chosen = version or self.held.get(key.name, 1)
        return KeyedCardCrypto(self.new if chosen > 1 else self.old, self.crypto)


class KeyChange(UpkeepScene):
    """A key of DF01 in a second version beside the first."""

    done, completed, otherwise = "S-KEY-CHANGED", "S-KEY-COMPLETED", ("S-KEY-REDONE",)
    name, version = "UK_DF01EF06", 2
    value = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")

    def __init__(self) -> None:
        super().__init__()
        crypto = self._profile.crypto
        old = centre().card_keys(self._twin.f_city, self._twin.f_card, crypto.algorithm)
        self._ring = Ring(old, {**old, self.name: SecretKey(self.value, label=self.name)}, crypto)
        self._key = self._profile.key(self.name)

    def deed(self) -> Screen:
        return self._desk.change_key(self._key, self.value, self.version, self._ring)

    def ask(self) -> Screen:
        return self._desk.settle_key(self._key, self.value, self.version, self._ring)

    def after(self) -> Mapping[str, bytes]:
        return _untorn(type(self), self._before)


class MasterKeyChange(KeyChange):
    """The master key of DF01 gives way to its second version."""

    name = "MK.DF01"


class PinChange3(PinChange):
    """The same on a card of the third generation."""

    profiles, host_profile = THIRD


class RecordUpdate3(RecordUpdate):
    """The same under SM4."""

    profiles, host_profile = THIRD


class KeyChange3(KeyChange):
    """The same under SM4."""

    profiles, host_profile = THIRD


class MasterKeyChange3(MasterKeyChange):
    """The same under SM4."""

    profiles, host_profile = THIRD


def keep_up(reader: Reader) -> None:
    """PIN, records and both kinds of key changed once on the card in `reader`; ValueError when a deed fails."""
    kinds: tuple[type[UpkeepScene], ...] = (RecordUpdate, OpenRecordUpdate, KeyChange, MasterKeyChange, PinChange)
    for kind in kinds:
        scene = kind()
        scene.use(reader)
        if (shown := scene.deed()).code != scene.done:
            raise ValueError(f"{kind.__name__}: {shown.code}")


def _untorn(kind: type[UpkeepScene], before: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """What the deed changes in the chip's memory when nothing happens to it."""
    if kind not in _UNTORN:
        scene = kind()
        scene.run()
        now = scene._card.values
        changed = {name: now.get(name, b"") for name in {*now, *before} if now.get(name) != before.get(name)}
        _UNTORN[kind] = {name: value for name, value in changed.items() if not name.startswith(COUNTERS)}
    return _UNTORN[kind]


_UNTORN: dict[type[UpkeepScene], Mapping[str, bytes]] = {}


def _same(values: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> bool:
    return not _differences(values, wanted)


def _differences(values: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    names = {name for name in {*values, *wanted} if not name.startswith(COUNTERS)}
    return sorted(name for name in names if values.get(name, b"") != wanted.get(name, b""))


PIN = Operation("PIN change", "修改密码", PinChange)
RECORDS = Operation("record update, three behind PIN and key", "写记录（密码＋密钥）", RecordUpdate)
RECORDS_TERMINAL = Operation("record update, terminal cut", "写记录（断终端）", RecordUpdate, machine=True)
OPEN_RECORDS = Operation("record update, two free to read", "写记录（可读）", OpenRecordUpdate)
KEY = Operation("key change, a version beside the old", "更换密钥（并存）", KeyChange)
MASTER_KEY = Operation("key change, master key", "更换主控密钥", MasterKeyChange)
PIN3 = Operation("PIN change, version 3.00", "修改密码（三代）", PinChange3)
RECORDS3 = Operation("record update, version 3.00", "写记录（三代）", RecordUpdate3)
KEY3 = Operation("key change, version 3.00", "更换密钥（三代）", KeyChange3)
MASTER_KEY3 = Operation("key change, master key, version 3.00", "更换主控密钥（三代）", MasterKeyChange3)
