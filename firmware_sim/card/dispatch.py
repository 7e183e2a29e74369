"""What every chip in software shares: command parsing, protocols, the waiting answer of T=0, power.

T=0 (card §2.5): an answer to a command that carried data waits for GET RESPONSE (61xx); a wrong Le is answered
6Cxx and the command is not executed. T=1 and T=CL give the whole answer at once (docs/card-commands.md, 3).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from card.domain.entropy import Entropy
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.status import (
    BAD_P1P2,
    CONDITIONS,
    EXACT_LENGTH,
    MEMORY_FAILURE,
    MORE,
    OK,
    WRONG_LENGTH,
    SwError,
)
from firmware_sim.card.store import ChipFileError, NonVolatile
from firmware_sim.card.timing import CONTACT, RADIO_106, ApduTime, time_model

INS_GET_RESPONSE = 0xC0
MAX_LE, MAX_LE_EXTENDED = 256, 65_536
T0, T1, CONTACTLESS = "T=0", "T=1", "T=CL"


class InterfaceError(ValueError):
    """The chip does not speak the protocol asked for, or does not answer in a field."""


@dataclass(frozen=True, slots=True)
class Command:
    """One C-APDU. `le` is None when absent, 256 for 00, 65536 for an extended 0000; `t0` when it came over T=0."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    extended: bool = False
    t0: bool = True

    @property
    def key(self) -> int:
        """CLA || INS, the look-up key of a command."""
        return self.cla << 8 | self.ins

    @property
    def wants_all(self) -> bool:
        """Le absent or the greatest there is."""
        return self.le is None or self.le == (MAX_LE_EXTENDED if self.extended else MAX_LE)

    def header(self, lc: int) -> bytes:
        """CLA INS P1 P2 Lc, as a MAC covers it."""
        return bytes((self.cla, self.ins, self.p1, self.p2, lc))


def parse(apdu: bytes, extended: bool = False, t0: bool = True) -> Command:
    """Cases 1 to 4, extended form where allowed. Raises SwError 6700."""
    if len(apdu) < 4:
        raise SwError(WRONG_LENGTH)
    cla, ins, p1, p2 = apdu[:4]
    body = apdu[4:]
    if not body:
        return Command(cla, ins, p1, p2, b"", None, t0=t0)
    if len(body) == 1:
        return Command(cla, ins, p1, p2, b"", body[0] or MAX_LE, t0=t0)
    wide = body[0] == 0
    if wide and (not extended or len(body) < 3):
        raise SwError(WRONG_LENGTH)
    if wide and len(body) == 3:
        return Command(cla, ins, p1, p2, b"", int.from_bytes(body[1:], "big") or MAX_LE_EXTENDED, True, t0)
    start = 3 if wide else 1
    length = int.from_bytes(body[:start], "big")
    data, rest = body[start : start + length], body[start + length :]
    if length == 0 or len(data) < length or len(rest) not in (0, 2 if wide else 1):
        raise SwError(WRONG_LENGTH)
    le = (int.from_bytes(rest, "big") or (MAX_LE_EXTENDED if wide else MAX_LE)) if rest else None
    return Command(cla, ins, p1, p2, data, le, wide, t0)


def want_data(command: Command, *lengths: int) -> bytes:
    """The command's data when it has one of `lengths` bytes, else SwError 6700."""
    if len(command.data) not in lengths:
        raise SwError(WRONG_LENGTH)
    return command.data


def want_le(command: Command, length: int) -> None:
    """The reader must ask for exactly `length` bytes, over T=1 and T=CL it may ask for all; else SwError 6Cxx."""
    if (command.le or MAX_LE) == length or (command.wants_all and not command.t0):
        return
    raise SwError(EXACT_LENGTH | length & 0xFF if length <= MAX_LE else WRONG_LENGTH)


class ChipCore(ABC):
    """Power, one command at a time, and the waiting answer of T=0."""

    def __init__(self, nv: NonVolatile, entropy: Entropy) -> None:
        self.nv = nv
        self.entropy = entropy
        self.protocol = T0
        self._waiting = b""

    @property
    @abstractmethod
    def atr(self) -> bytes:
        """Answer to reset of the present power-on session; over contactless the PC/SC form of the ATS."""

    @abstractmethod
    def start_session(self) -> None:
        """Forget everything volatile."""

    @abstractmethod
    def execute(self, command: Command) -> bytes:
        """Answer data of a command that ends with 9000. Raises SwError."""

    @property
    def times(self) -> list[ApduTime]:
        """What the last commands would have taken on the line in use: a radio at 106 kbit/s, or contacts."""
        return time_model().price(self.nv.meter.costs, RADIO_106 if self.contactless else CONTACT)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols the chip speaks, the one it offers first in front."""
        return (T0,)

    @property
    def extended_length(self) -> bool:
        """Extended length is understood over T=1 and T=CL."""
        return False

    @property
    def contactless(self) -> bool:
        """The present session runs in a field."""
        return self.protocol == CONTACTLESS

    def power_on(self, interface: str = "contact", protocol: str = "") -> None:
        """Cold or warm reset; in a field also after DESELECT.

        `interface` is `contact` or `contactless`; `protocol` `T=0` or `T=1`, the chip's first when empty. Raises
        InterfaceError when the chip does not offer it; then it stays as it was.
        """
        self.protocol = self._agree(interface, protocol)
        self._waiting = b""
        self.start_session()

    def deselect(self) -> None:
        """S(DESELECT) of ISO/IEC 14443-4, or power taken away: everything volatile is gone."""
        self._waiting = b""
        self.start_session()

    def plan_faults(self, plan: FaultPlan) -> None:
        """From now on suffer what `plan` says."""
        self.nv.faults = plan

    def close(self) -> None:
        """Let go of the state file."""
        self.nv.close()

    def process(self, apdu: bytes) -> bytes:
        """One command; data || SW1 SW2. Raises PowerLostError where a fault is armed."""
        self.nv.meter.begin()
        try:
            t0 = self.protocol == T0
            command = parse(apdu, not t0 and self.extended_length, t0)
            self.nv.faults.begin(command.ins)
            answer = self._answer(command)
        except SwError as refused:
            answer = refused.sw.to_bytes(2, "big")
        except ChipFileError:
            answer = MEMORY_FAILURE.to_bytes(2, "big")
        self.nv.meter.end(apdu, answer)
        self.nv.faults.before_answer()
        return answer

    def _agree(self, interface: str, protocol: str) -> str:
        if interface == "contactless":
            wanted = CONTACTLESS
        elif interface == "contact":
            wanted = protocol or next((name for name in self.protocols if name != CONTACTLESS), "")
        else:
            raise InterfaceError(f"no interface {interface!r}")
        if wanted not in self.protocols or (protocol and protocol != wanted):
            raise InterfaceError(f"the chip does not offer {protocol or wanted or interface}")
        return wanted

    def _answer(self, command: Command) -> bytes:
        if command.ins == INS_GET_RESPONSE:
            return self._get_response(command)
        self._waiting = b""
        data = self.execute(command)
        if data and command.data and command.t0:
            self._waiting = data
            return (MORE | len(data) & 0xFF).to_bytes(2, "big")
        return data + OK.to_bytes(2, "big")

    def _get_response(self, command: Command) -> bytes:
        if command.data:
            raise SwError(WRONG_LENGTH)
        if command.p1 or command.p2:
            raise SwError(BAD_P1P2)
        if not self._waiting:
            raise SwError(CONDITIONS)
        length = command.le or MAX_LE
        if length > len(self._waiting):
            raise SwError(EXACT_LENGTH | len(self._waiting) & 0xFF)
        part, self._waiting = self._waiting[:length], self._waiting[length:]
        sw = MORE | len(self._waiting) & 0xFF if self._waiting else OK
        return part + sw.to_bytes(2, "big")
