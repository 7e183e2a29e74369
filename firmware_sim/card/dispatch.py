"""What every chip in software shares: command parsing, dispatch by (CLA, INS), T=0 answers, power.

T=0 (card §2.5): an answer to a command that carried data waits for GET RESPONSE (61xx); a wrong Le is answered
6Cxx and the command is not executed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from card.domain.entropy import Entropy
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.status import (
    CONDITIONS,
    EXACT_LENGTH,
    MEMORY_FAILURE,
    MORE,
    OK,
    WRONG_LENGTH,
    SwError,
)
from firmware_sim.card.store import ChipFileError, NonVolatile

INS_GET_RESPONSE = 0xC0
MAX_LE = 256


@dataclass(frozen=True, slots=True)
class Command:
    """One C-APDU. `le` is None when absent and 256 for 00."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None

    @property
    def key(self) -> int:
        """CLA || INS, the look-up key of a handler."""
        return self.cla << 8 | self.ins

    def header(self, lc: int) -> bytes:
        """CLA INS P1 P2 Lc, as a MAC covers it."""
        return bytes((self.cla, self.ins, self.p1, self.p2, lc))


def parse(apdu: bytes) -> Command:
    """Cases 1 to 4, short form. Raises SwError 6700."""
    if len(apdu) < 4:
        raise SwError(WRONG_LENGTH)
    cla, ins, p1, p2 = apdu[:4]
    body = apdu[4:]
    if not body:
        return Command(cla, ins, p1, p2, b"", None)
    if len(body) == 1:
        return Command(cla, ins, p1, p2, b"", body[0] or MAX_LE)
    length = body[0]
    rest = body[1 + length :]
    if length == 0 or len(body) < 1 + length or len(rest) > 1:
        raise SwError(WRONG_LENGTH)
    return Command(cla, ins, p1, p2, body[1 : 1 + length], (rest[0] or MAX_LE) if rest else None)


def want_data(command: Command, *lengths: int) -> bytes:
    """The command's data when it has one of `lengths` bytes, else SwError 6700."""
    if len(command.data) not in lengths:
        raise SwError(WRONG_LENGTH)
    return command.data


def want_le(command: Command, length: int) -> None:
    """Case 2: the reader must ask for exactly `length` bytes, else SwError 6Cxx. A missing Le is P3 = 00."""
    if (command.le or MAX_LE) != length:
        raise SwError(EXACT_LENGTH | length & 0xFF)


class ChipCore(ABC):
    """Power, one command at a time, and the waiting answer of T=0."""

    def __init__(self, nv: NonVolatile, entropy: Entropy) -> None:
        self.nv = nv
        self.entropy = entropy
        self._waiting = b""

    @property
    @abstractmethod
    def atr(self) -> bytes:
        """Answer to reset of the present power-on session."""

    @abstractmethod
    def start_session(self) -> None:
        """Forget everything volatile."""

    @abstractmethod
    def execute(self, command: Command) -> bytes:
        """Answer data of a command that ends with 9000. Raises SwError."""

    def power_on(self) -> None:
        """Cold or warm reset."""
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
        try:
            command = parse(apdu)
            self.nv.faults.begin(command.ins)
            answer = self._answer(command)
        except SwError as refused:
            answer = refused.sw.to_bytes(2, "big")
        except ChipFileError:
            answer = MEMORY_FAILURE.to_bytes(2, "big")
        self.nv.faults.before_answer()
        return answer

    def _answer(self, command: Command) -> bytes:
        if command.ins == INS_GET_RESPONSE:
            return self._get_response(command)
        self._waiting = b""
        data = self.execute(command)
        if data and command.data:
            self._waiting = data
            return (MORE | len(data) & 0xFF).to_bytes(2, "big")
        return data + OK.to_bytes(2, "big")

    def _get_response(self, command: Command) -> bytes:
        if not self._waiting:
            raise SwError(CONDITIONS)
        length = command.le or MAX_LE
        if length > len(self._waiting):
            raise SwError(EXACT_LENGTH | len(self._waiting) & 0xFF)
        part, self._waiting = self._waiting[:length], self._waiting[length:]
        sw = MORE | len(self._waiting) & 0xFF if self._waiting else OK
        return part + sw.to_bytes(2, "big")
