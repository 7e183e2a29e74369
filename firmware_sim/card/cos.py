"""The card: non-volatile state, session, and the look-ups that command handlers share."""

from collections.abc import Callable, Mapping

from card.domain.entropy import Entropy
from card.files.kinds import Access
from firmware_sim.card import memory
from firmware_sim.card.blueprint import Blueprint, blueprint
from firmware_sim.card.dispatch import ChipCore, Command
from firmware_sim.card.session import Session
from firmware_sim.card.status import (
    BLOCKED,
    CARD_LOCKED,
    CONDITIONS,
    KEY_NOT_FOUND,
    PERMANENTLY_BLOCKED,
    SECURITY,
    SM_WRONG,
    TRIES_LEFT,
    UNKNOWN_CLA,
    UNKNOWN_INS,
    SwError,
)
from firmware_sim.card.store import ChipFileError, NonVolatile

# Key type codes (card §3.1, B).
MASTER, STK, LOAD, PURCHASE, TAC, PUK, EXTERNAL, INTERNAL = 0x00, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0E
PIN_KEY = 0x01
HEADER = 8  # type, id, version, right, tries, algorithm, level, length
BLOCKED_FOR_EVER = b"\x02"
PIN_PROOF = "pin"
INITIAL_PIN_PROOF = "initial pin"  # right PIN, but the holder has not chosen it: opens nothing
# What a blocked application still answers: SELECT, GET CHALLENGE, APPLICATION UNBLOCK.
ALLOWED_WHEN_BLOCKED = frozenset({0x00A4, 0x0084, 0x8418})

Handler = Callable[["Card", Command], bytes]


class Card(ChipCore):
    """A card in software. Commands come from `handlers`, keyed by CLA || INS."""

    def __init__(self, nv: NonVolatile, entropy: Entropy, handlers: Mapping[int, Handler]) -> None:
        super().__init__(nv, entropy)
        self.plan: Blueprint = blueprint(tuple(nv.need(memory.PROFILES).decode("ascii").split(",")))
        self.session = Session()
        self._handlers = handlers
        self._classes = {key >> 8 for key in handlers}
        self._atr = self._build_atr()
        self._newest: dict[str, str | None] = {}

    @property
    def atr(self) -> bytes:
        return self._atr

    @property
    def lifecycle(self) -> int:
        """The life-cycle byte; its values are profile data."""
        return self.nv.need(memory.LIFECYCLE)[0]

    def in_state(self, name: str) -> bool:
        """True when the life cycle is the one the profile calls `name`."""
        return self.lifecycle == self.plan.cos.lifecycle[name]

    def start_session(self) -> None:
        self.session = Session()
        self._newest.clear()
        self._atr = self._build_atr()

    def execute(self, command: Command) -> bytes:
        handler = self._handlers.get(command.key)
        if handler is None:
            raise SwError(UNKNOWN_INS if command.cla in self._classes else UNKNOWN_CLA)
        if self.nv.get(memory.CARD_BLOCK):
            raise SwError(CARD_LOCKED)
        block = self.nv.get(memory.app_block(self.session.directory))
        if block and command.key not in ALLOWED_WHEN_BLOCKED:
            raise SwError(PERMANENTLY_BLOCKED if block == BLOCKED_FOR_EVER else CONDITIONS)
        return handler(self, command)

    def key(self, directory: str, kind: int, kid: int, version: int | None = None) -> tuple[bytes, int] | None:
        """(16 bytes, version) of a key; the highest version when none is asked for."""
        if version is not None:
            raw = self.nv.get(memory.key_name(directory, kind, kid, version))
            return (raw[HEADER:], version) if raw else None
        name = self._newest_name(memory.key_prefix(directory, kind, kid))
        return (self.nv.need(name)[HEADER:], int(name[-2:], 16)) if name else None

    def forget_keys(self) -> None:
        """A key was written: look versions up again."""
        self._newest.clear()

    def _newest_name(self, prefix: str) -> str | None:
        if prefix not in self._newest:
            names = self.nv.names(prefix)
            self._newest[prefix] = names[-1] if names else None
        return self._newest[prefix]

    def need_key(self, directory: str, kind: int, kid: int, version: int | None = None) -> tuple[bytes, int]:
        """As `key`; SwError 6A88 when there is none."""
        found = self.key(directory, kind, kid, version)
        if found is None:
            raise SwError(KEY_NOT_FOUND)
        return found

    def attempt(self, tries: str, full: int, right: bool) -> None:
        """One authentication: counted before it is judged, so a power cut cannot give a free guess.

        `tries` names the counter, `full` its top. Raises SwError 6983 when used up, 63Cx when wrong.
        """
        left = (self.nv.get(tries) or bytes((full,)))[0]
        if left == 0:
            raise SwError(BLOCKED)
        self.nv.commit({tries: bytes((left - 1,))})
        if not right:
            raise SwError(TRIES_LEFT | left - 1)
        self.nv.commit({tries: bytes((full,))})

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

    def _build_atr(self) -> bytes:
        if self.plan.atr is None:
            raise ChipFileError("no profile of this chip has an ATR")
        tail = self.nv.need(memory.ATR_TAIL)
        return self.plan.atr.build(tail[:3], tail[3:])


def check_mac(given: bytes, right: bytes) -> None:
    """Raises SwError 6988 when a secure-messaging MAC is wrong."""
    if given != right:
        raise SwError(SM_WRONG)
