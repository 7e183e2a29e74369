"""Record a session in clear, replay it later: yesterday's field failure is today's test. For test cards only.

A recording holds everything, also PINs and personal data; it is never taken of a real holder's card. Masked logs are
`card.traffic`.
"""

import json
from dataclasses import dataclass

from card.apdu import command_name
from card.errors import CardLostError, ChannelLimitError, ReplayError
from card.wire import CardChannel

VERSION = 1
MAX_EXCHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One exchange. A reset has no command and answers the ATR; an empty answer means the card went away."""

    command: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """ATR and exchanges of one power-on session, with where they come from. `repr` shows no bytes."""

    source: str
    atr: bytes
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"Recording({self.source!r}, {len(self.steps)} steps)"

    def to_json(self) -> str:
        """One step a line, so that a difference is readable."""
        lines = [json.dumps({"c": step.command.hex(), "a": step.answer.hex()}) for step in self.steps]
        head = json.dumps({"v": VERSION, "source": self.source, "atr": self.atr.hex()}, ensure_ascii=False)
        return head[:-1] + ', "steps": [\n' + ",\n".join(lines) + "\n]}\n"

    @classmethod
    def from_json(cls, text: str) -> "Recording":
        """ReplayError when the text is not a recording of this version or holds more than 10,000 exchanges."""
        try:
            data = json.loads(text)
            if data["v"] != VERSION or len(data["steps"]) > MAX_EXCHANGES:
                raise ReplayError("recording of another version, or too long")
            steps = tuple(Step(bytes.fromhex(row["c"]), bytes.fromhex(row["a"])) for row in data["steps"])
            return cls(str(data["source"]), bytes.fromhex(data["atr"]), steps)
        except (KeyError, TypeError, ValueError) as bad:
            raise ReplayError("not a recording") from bad


class Recorder:
    """Passes everything on and keeps it; ChannelLimitError after `limit` exchanges."""

    def __init__(self, inner: CardChannel, source: str, limit: int = MAX_EXCHANGES) -> None:
        self._inner = inner
        self._source = source
        self._limit = limit
        self._atr = inner.atr
        self._steps: list[Step] = []

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        if len(self._steps) >= self._limit:
            raise ChannelLimitError("recording is full")
        try:
            answer = self._inner.transmit(apdu)
        except CardLostError:
            self._steps.append(Step(apdu, b""))
            raise
        self._steps.append(Step(apdu, answer))
        return answer

    def reset(self) -> bytes:
        atr = self._inner.reset()
        self._steps.append(Step(b"", atr))
        return atr

    def close(self) -> None:
        self._inner.close()

    def recording(self) -> Recording:
        """What was recorded so far."""
        return Recording(self._source, self._atr, tuple(self._steps))


class Replayer:
    """A channel that answers from a recording, in order; ReplayError on any other command or past its end."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._next = 0
        self._atr = recording.atr

    @property
    def atr(self) -> bytes:
        return self._atr

    @property
    def finished(self) -> bool:
        """True when every step was asked for."""
        return self._next == len(self._recording.steps)

    def transmit(self, apdu: bytes) -> bytes:
        step = self._step(apdu)
        if not step.answer:
            raise CardLostError("the recorded card went away here")
        return step.answer

    def reset(self) -> bytes:
        self._atr = self._step(b"").answer
        return self._atr

    def close(self) -> None:
        """Nothing to let go of."""

    def _step(self, command: bytes) -> Step:
        if self.finished:
            raise ReplayError("the recording has ended")
        step = self._recording.steps[self._next]
        if step.command != command:
            wanted = command_name(step.command) if step.command else "reset"
            got = command_name(command) if command else "reset"
            raise ReplayError(f"step {self._next + 1} is {wanted}, asked was {got} or other data")
        self._next += 1
        return step
