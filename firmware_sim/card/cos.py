"""The card: non-volatile state, session, and the look-ups that command handlers share."""

from collections.abc import Mapping

from card.domain.entropy import Entropy
from card.files.kinds import Access
from card.files.specs import ContactlessSpec
from firmware_sim.card import families, memory
from firmware_sim.card.blueprint import MF, Blueprint, blueprint
from firmware_sim.card.dispatch import CONTACTLESS, T1, ChipCore, Command
from firmware_sim.card.families import Family
from firmware_sim.card.pseudo_atr import pseudo_atr
from firmware_sim.card.rules import STATES, Handler, Rule
from firmware_sim.card.session import Session
from firmware_sim.card.status import (
    BLOCKED,
    CARD_LOCKED,
    CONDITIONS,
    KEY_NOT_FOUND,
    NOT_ACCEPTED,
    PERMANENTLY_BLOCKED,
    SECURITY,
    SM_WRONG,
    TRIES_LEFT,
    UNKNOWN_CLA,
    UNKNOWN_INS,
    SwError,
)
from firmware_sim.card.store import ChipFileError, NonVolatile

__all__ = ["Card", "Handler"]

# Key type codes (card §3.1, B); 0C is declared by this project.
MASTER, STK, LOAD, PURCHASE, TAC, PUK, EXTERNAL, INTERNAL = 0x00, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0E
UNLOAD = 0x0C
PIN_KEY = 0x01
HEADER = 8  # type, id, version, right, tries, algorithm, level, length
TRIES_AT = 4
BLOCKED_FOR_EVER = b"\x02"
BARE_ATS = bytes.fromhex("0578778102")  # a chip whose profile names no ATS: nothing historical in it
PIN_PROOF = "pin"
INITIAL_PIN_PROOF = "initial pin"  # right PIN, but the holder has not chosen it: opens nothing


class Card(ChipCore):
    """A card in software. Commands come from `rules`, keyed by CLA || INS."""

    def __init__(self, nv: NonVolatile, entropy: Entropy, rules: Mapping[int, Rule]) -> None:
        super().__init__(nv, entropy)
        self.plan: Blueprint = blueprint(*memory.profiles_of(nv))
        self.session = Session()
        self.keys = KeyRing(nv)
        self._rules = rules
        self._classes = {key >> 8 for key in rules}
        self._states = {value: name for name, value in self.plan.cos.lifecycle.items()}
        self._letters = {self.plan.cos.lifecycle[name]: letter for letter, name in STATES.items()}
        self._atr = self._build_atr()

    @property
    def atr(self) -> bytes:
        return self._atr

    @property
    def protocols(self) -> tuple[str, ...]:
        declared = self.plan.profile(MF).protocols
        field = self._field()
        return tuple(name for name in declared if name != CONTACTLESS or (field is not None and field.allowed))

    @property
    def extended_length(self) -> bool:
        return T1 in self.protocols

    @property
    def ats(self) -> bytes:
        """Answer to select in a field. ValueError on a chip without one."""
        field = self._field()
        if field is None or not field.allowed:
            raise ValueError("this chip does not answer in a field")
        tail = self.nv.need(memory.ATR_TAIL)
        return field.build(tail[:3], tail[3:]) or BARE_ATS

    @property
    def lifecycle(self) -> int:
        """The life-cycle byte; its values are profile data."""
        return self.nv.need(memory.LIFECYCLE)[0]

    @property
    def state(self) -> str:
        """The life cycle as the profile calls it: blank, initialised, personalised, blocked, terminated."""
        return self._states.get(self.lifecycle, "terminated")

    def in_state(self, name: str) -> bool:
        """True when the life cycle is the one the profile calls `name`."""
        return self.lifecycle == self.plan.cos.lifecycle[name]

    def start_session(self) -> None:
        self.session = Session()
        self.keys.forget()
        self._atr = self._build_atr()

    def execute(self, command: Command) -> bytes:
        rule = self._rules.get(command.key)
        if rule is None:
            raise SwError(UNKNOWN_INS if command.cla in self._classes else UNKNOWN_CLA)
        self._check_state(rule)
        block = self.nv.get(memory.app_block(self.session.directory))
        if block and not rule.when_blocked:
            raise SwError(PERMANENTLY_BLOCKED if block == BLOCKED_FOR_EVER else CONDITIONS)
        if self.contactless:
            field = self.plan.profile(self.session.directory).contactless
            rule.check_interface(command, field.refused if field else ())
        rule.check_form(self, command)
        return rule.handler(self, command)

    def family(self, directory: str = "") -> Family:
        """The arithmetic of a directory's keys; of the selected one by default."""
        return families.family(self.plan.crypto(directory or self.session.directory).algorithm)

    def attempt(self, tries: str, full: int, right: bool) -> None:
        """One authentication: counted before it is judged, so a power cut cannot give a free guess.

        `tries` names the counter, `full` its top. Raises SwError 6983 when used up, 63Cx when wrong.
        """
        left = self.tries_left(tries, full)
        self.nv.commit({tries: bytes((left - 1,))})
        if not right:
            raise SwError(TRIES_LEFT | left - 1)
        self.nv.commit({tries: bytes((full,))})

    def tries_left(self, tries: str, full: int) -> int:
        """What a counter still allows. Raises SwError 6983 when it is used up."""
        left = (self.nv.get(tries) or bytes((full,)))[0]
        if left == 0:
            raise SwError(BLOCKED)
        return left

    def check_access(self, rule: Access, extra: str = "") -> None:
        """Raises SwError 6982 unless the session's proofs (and `extra`) satisfy `rule`; 6985 for an initial PIN."""
        if rule.free:
            return
        proofs = self.session.rights(self.plan) | {extra}
        if rule.satisfied_by(proofs):
            return
        if INITIAL_PIN_PROOF in proofs and rule.satisfied_by(proofs | {PIN_PROOF}):
            raise SwError(CONDITIONS)
        raise SwError(SECURITY)

    def _check_state(self, rule: Rule) -> None:
        letter = self._letters.get(self.lifecycle)
        if letter is None:
            raise SwError(CARD_LOCKED if self.in_state("blocked") else NOT_ACCEPTED)
        if letter not in rule.states:
            raise SwError(CONDITIONS)

    def _field(self) -> ContactlessSpec | None:
        return self.plan.profile(MF).contactless

    def _build_atr(self) -> bytes:
        if self.contactless:
            return pseudo_atr(self.ats)
        if self.plan.atr is None:
            raise ChipFileError("no profile of this chip has an ATR")
        tail = self.nv.need(memory.ATR_TAIL)
        return self.plan.atr.build(tail[:3], tail[3:])


class KeyRing:
    """The keys of a chip by place, type, id and version; several versions of one key stand side by side."""

    def __init__(self, nv: NonVolatile) -> None:
        self._nv = nv
        self._versions: dict[str, tuple[int, ...]] = {}

    def versions(self, directory: str, kind: int, kid: int) -> tuple[int, ...]:
        """Versions on the chip, lowest first."""
        prefix = memory.key_prefix(directory, kind, kid)
        if prefix not in self._versions:
            self._versions[prefix] = tuple(int(name[-2:], 16) for name in self._nv.names(prefix))
        return self._versions[prefix]

    def get(self, directory: str, kind: int, kid: int, version: int) -> bytes:
        """16 bytes of a key that is there."""
        return self._nv.need(memory.key_name(directory, kind, kid, version))[HEADER:]

    def newest(self, directory: str, kind: int, kid: int) -> tuple[bytes, int] | None:
        """(key, version) with the highest version."""
        versions = self.versions(directory, kind, kid)
        return (self.get(directory, kind, kid, versions[-1]), versions[-1]) if versions else None

    def oldest(self, directory: str, kind: int, kid: int) -> tuple[bytes, int] | None:
        """(key, version) with the lowest version."""
        versions = self.versions(directory, kind, kid)
        return (self.get(directory, kind, kid, versions[0]), versions[0]) if versions else None

    def exact(self, directory: str, kind: int, kid: int, version: int | None) -> tuple[bytes, int] | None:
        """(key, version) as an authentication asks for it: that version, the lowest when it names none."""
        if version is None:
            return self.oldest(directory, kind, kid)
        if version not in self.versions(directory, kind, kid):
            return None
        return self.get(directory, kind, kid, version), version

    def need(self, directory: str, kind: int, kid: int) -> tuple[bytes, int]:
        """As `newest`; SwError 6A88 when there is none."""
        return found_or_refuse(self.newest(directory, kind, kid))

    def full_tries(self, directory: str, kind: int, kid: int, version: int) -> int:
        """The top of a key's counter, from its header."""
        return self._nv.need(memory.key_name(directory, kind, kid, version))[TRIES_AT]

    def forget(self) -> None:
        """A key was written: look versions up again."""
        self._versions.clear()


def found_or_refuse(found: tuple[bytes, int] | None) -> tuple[bytes, int]:
    """`found`, or SwError 6A88 when there is no such key."""
    if found is None:
        raise SwError(KEY_NOT_FOUND)
    return found


def check_mac(given: bytes, right: bytes) -> None:
    """Raises SwError 6988 when a secure-messaging MAC is wrong."""
    if given != right:
        raise SwError(SM_WRONG)


def under_counter(card: Card, directory: str, kind: int, kid: int, version: int) -> tuple[str, int]:
    """Name and top of a key's counter, which still allows a try. Raises SwError 6983."""
    name, full = memory.tries_name(directory, kind, kid), card.keys.full_tries(directory, kind, kid, version)
    card.tries_left(name, full)
    return name, full
