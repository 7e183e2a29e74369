"""What went over the wires of a session with several chips, in order, and chips that answer from it.

Commands of a later tap carry other dates and MACs than the recorded one, so a scripted chip goes by place: the next
command must have the recorded header and length. Nothing is computed: an answer costs one step in a list.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from card.readers.reader import Reader
from card.recording import Recording, Step
from card.wire import CardChannel
from firmware_sim.bench.errors import BenchWrongError
from firmware_sim.card.faults import FaultPlan
from firmware_sim.rack import Rack

HEADER = 4
OUT_OF_SCRIPT = b"\x6f\x00"


@dataclass(frozen=True, slots=True)
class Taped:
    """One exchange. An empty command is a power-on; its answer is the ATR."""

    slot: str
    command: bytes
    answer: bytes


@dataclass(slots=True)
class Tape:
    """Exchanges in the order in which they happened, whatever chip they were with."""

    steps: list[Taped] = field(default_factory=list)

    def listen(self, slot: str, reader: Reader) -> Reader:
        """`reader`, with everything said to its chip kept here."""
        return _TapedReader(slot, reader, self)

    def cut(self) -> "Tape":
        """What is on the tape so far; the tape is empty afterwards."""
        taken = Tape(self.steps)
        self.steps = []
        return taken

    def exchanges(self) -> list[Taped]:
        """Commands with their answers, without power-ons."""
        return [step for step in self.steps if step.command]

    def apdu_bytes(self) -> int:
        """Bytes of commands and answers together."""
        return sum(len(step.command) + len(step.answer) for step in self.exchanges())

    def of(self, slot: str) -> tuple[Step, ...]:
        """The exchanges with one chip."""
        return tuple(Step(step.command, step.answer) for step in self.exchanges() if step.slot == slot)


class _TapedReader:
    def __init__(self, slot: str, inner: Reader, tape: Tape) -> None:
        self._slot = slot
        self._inner = inner
        self._tape = tape

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        channel = self._inner.connect()
        self._tape.steps.append(Taped(self._slot, b"", channel.atr))
        return _TapedChannel(self._slot, channel, self._tape)

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)


class _TapedChannel:
    def __init__(self, slot: str, inner: CardChannel, tape: Tape) -> None:
        self._slot = slot
        self._inner = inner
        self._tape = tape

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._inner.transmit(apdu)
        self._tape.steps.append(Taped(self._slot, apdu, answer))
        return answer

    def reset(self) -> bytes:
        atr = self._inner.reset()
        self._tape.steps.append(Taped(self._slot, b"", atr))
        return atr

    def close(self) -> None:
        self._inner.close()


class BareExchange:
    """Sends a tape's commands to the chips of a rack, and nothing else."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._channels: dict[str, CardChannel] = {}

    def play(self, tape: Tape, *, leaves: str = "") -> None:
        """BenchWrongError when a chip does not answer as on the tape. `leaves`: the slot that loses its power then."""
        for step in tape.steps:
            if not step.command:
                self._channels[step.slot] = self._rack.reader(step.slot).connect()
            elif self._channels[step.slot].transmit(step.command) != step.answer:
                raise BenchWrongError("a twin answered a recorded command with other bytes")
        if leaves:
            self._channels.pop(leaves).close()


@dataclass(frozen=True, slots=True)
class Script:
    """A recording that begins anew at every power-on, and at step `again` when it has ended."""

    recording: Recording
    again: int = 0

    def save(self, path: Path) -> Path:
        path.write_text(json.dumps({"again": self.again, "recording": self.recording.to_json()}), "utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Raises card.errors.ReplayError."""
        kept: Mapping[str, object] = json.loads(path.read_text("utf-8"))
        return cls(Recording.from_json(str(kept["recording"])), int(str(kept["again"])))


class ScriptedChip:
    """A chip that looks its answers up. Stand-in for a card in benches; it checks nothing and keeps nothing."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._steps = script.recording.steps
        self._next = 0

    @property
    def atr(self) -> bytes:
        return self._script.recording.atr

    def power_on(self, interface: str = "contact", protocol: str = "") -> None:
        self._next = 0

    def process(self, apdu: bytes) -> bytes:
        if self._next == len(self._steps):
            self._next = self._script.again
        step = self._steps[self._next]
        if step.command[:HEADER] != apdu[:HEADER] or len(step.command) != len(apdu):
            return OUT_OF_SCRIPT
        self._next += 1
        return step.answer

    def plan_faults(self, plan: FaultPlan) -> None:
        """A script has no faults."""

    def close(self) -> None:
        """Nothing to let go of."""
