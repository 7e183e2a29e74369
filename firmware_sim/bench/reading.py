"""A card in the reader: how fast the twin answers, and what our own way of reading it costs beside a bare loop."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.errors import CardError
from card.readers.reader import Reader
from card.recording import Recording
from card.wire import CardChannel
from firmware_sim.bench.errors import BenchSkippedError, BenchWrongError
from firmware_sim.bench.figure import Effort, Extra, Figure, milliseconds, quickest_ms, rounded, take_pairs
from firmware_sim.bench.raw_pcsc import RawCard
from firmware_sim.bench.scripted_twins import SCRIPT
from firmware_sim.bench.street import CARD, Chips, open_centre
from firmware_sim.bench.tape import Script, ScriptedChip, Tape
from firmware_sim.card.store import create_file
from firmware_sim.errors import DaemonNotInstalledError, NotIsolatedError
from firmware_sim.rack import DirectRack, PcscRack
from terminal.card_read import Reading, read_card

LOOKED_UP = "card-script"
TWINS = "firmware_sim.bench.scripted_twins"
ROUNDS_A_BLOCK = 20
OWN_WORK_READS = 400
GOAL = 1.1


@dataclass(frozen=True)
class ReadTape:
    """One reading of the eleven fields from a twin: its commands and answers, and what was read."""

    tape: Tape
    reading: Reading

    @property
    def commands(self) -> list[bytes]:
        return [step.command for step in self.tape.exchanges()]

    def script(self) -> Script:
        """A chip that gives these answers again and again."""
        atr = next(step.answer for step in self.tape.steps if not step.command)
        return Script(Recording("bench: reading", atr, self.tape.of(CARD)))


def record_reading(chips: Chips) -> ReadTape:
    """`card read` without a PSAM, from a twin of this process."""
    tape, rack = Tape(), chips.rack()
    channel = tape.listen(CARD, rack.reader(CARD)).connect()
    reading = read_card(standard(channel))
    rack.close()
    if not reading.snapshot.personalised or reading.closed:
        raise BenchWrongError("the twin gave not all of the eleven fields")
    return ReadTape(tape, reading)


@contextmanager
def twin_rack(chips: Chips, script: Script, slots: tuple[str, ...] = (CARD, LOOKED_UP)) -> Iterator[PcscRack]:
    """The real daemon with the twin in one slot and a chip that only looks up its answers in another."""
    with tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as name:
        folder = Path(name)
        try:
            rack = PcscRack(slots, folder / "run", twins=TWINS)
        except (DaemonNotInstalledError, NotIsolatedError, CardError) as absent:
            raise BenchSkippedError(str(absent)) from absent
        try:
            create_file(folder / "card.chip", dict(chips.card))
            rack.insert(CARD, folder / "card.chip")
            rack.insert(LOOKED_UP, script.save(folder / f"looked-up{SCRIPT}"))
            yield rack
        finally:
            rack.close()


def run_in_process(effort: Effort) -> Iterator[Figure]:
    """`twin_apdu_in_process`: commands a second the twin answers in this process, reading the eleven fields.

    The bare side is the same line with a chip that looks its answers up: what is missing to it is the twin's own work.
    """
    chips = Chips.make(open_centre())
    taken = record_reading(chips)
    twin, looked_up = chips.rack(), DirectRack(SeededEntropy(4, "rack"))
    looked_up.insert_chip(LOOKED_UP, ScriptedChip(taken.script()))
    ours = _rate(twin.reader(CARD).connect(), taken.commands)
    bare = _rate(looked_up.reader(LOOKED_UP).connect(), taken.commands)
    pairs = take_pairs(ours, bare, effort.pick(60, 3), effort, limit_s=6)
    yield Figure("twin_apdu_in_process", "APDU/s", "answers looked up, same line", "higher", pairs)


def _rate(channel: CardChannel, commands: list[bytes]) -> Callable[[], float]:
    def block() -> float:
        def once() -> None:
            for command in commands:
                channel.transmit(command)

        return 1000 * len(commands) / milliseconds(once, ROUNDS_A_BLOCK)

    return block


def run_pcsc(effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`twin_apdu_pcsc`, `card_read_host`, `card_read_whole`: through the real daemon."""
    chips = Chips.make(open_centre())
    taken = record_reading(chips)
    with twin_rack(chips, taken.script()) as rack:
        if wanted("twin_apdu_pcsc"):
            yield _pcsc_rate(rack, taken, effort)
        raw = RawCard(rack.name(CARD), taken.commands)
        try:
            if wanted("card_read_host"):
                yield _exchange(rack.reader(CARD), raw, taken, effort)
            if wanted("card_read_whole"):
                yield _whole(rack.reader(CARD), raw, taken, effort)
        finally:
            raw.end()


def _pcsc_rate(rack: PcscRack, taken: ReadTape, effort: Effort) -> Figure:
    twin, looked_up = (RawCard(rack.name(slot), taken.commands) for slot in (CARD, LOOKED_UP))

    def rate(card: RawCard) -> Callable[[], float]:
        def block() -> float:
            card.open()
            spent = milliseconds(card.send, ROUNDS_A_BLOCK)
            card.close()
            return 1000 * len(taken.commands) / spent

        return block

    pairs = take_pairs(rate(twin), rate(looked_up), effort.pick(60, 3), effort, limit_s=6)
    for card in (twin, looked_up):
        card.end()
    return Figure("twin_apdu_pcsc", "APDU/s", "answers looked up, same daemon", "higher", pairs)


def _exchange(reader: Reader, raw: RawCard, taken: ReadTape, effort: Effort) -> Figure:
    """Ours from the powered card to the eleven fields as text; the raw loop sends the same bytes and drops them.

    Both over one connection, reading by reading in turns: what else happens on the machine hits both alike.
    """
    wanted = taken.reading.fields()
    channel: Any = reader.connect()
    raw.borrow(channel._card, channel._pci)
    pairs = take_pairs(
        lambda: milliseconds(lambda: _fields(channel, wanted), 1),
        lambda: milliseconds(raw.send, 1),
        effort.pick(2_000, 20),
        effort,
        limit_s=8,
    )
    channel.close()
    own = _own_work_ms(taken)
    extra: Extra = {
        "apdus": len(taken.commands),
        "goal": GOAL,
        "held": "yes" if pairs.ratio <= GOAL else "no",
        "own_work_ms": rounded(own),
        "ratio_by_own_work": rounded((pairs.baseline + own) / pairs.baseline),
    }
    return Figure("card_read_host", "ms", "raw pyscard, same APDUs, card powered", "lower", pairs, extra)


class _Replay:
    """A channel that looks its answers up: what a reading over it takes is the host's own work and nothing else."""

    def __init__(self, taken: ReadTape, atr: bytes) -> None:
        self._answers = {step.command: step.answer for step in taken.tape.exchanges()}
        self.atr = atr
        self.protocol = "T=0"

    def transmit(self, apdu: bytes) -> bytes:
        return self._answers[apdu]

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        """Nothing is open."""


def _own_work_ms(taken: ReadTape) -> float:
    atr = next(step.answer for step in taken.tape.steps if not step.command)
    replay, wanted = _Replay(taken, atr), taken.reading.fields()
    return quickest_ms(lambda: _fields(replay, wanted), OWN_WORK_READS)


def _whole(reader: Reader, raw: RawCard, taken: ReadTape, effort: Effort) -> Figure:
    """As above, power-on, answer to reset and letting go on both sides."""
    wanted = taken.reading.fields()

    def once() -> None:
        channel = reader.connect()
        _fields(channel, wanted)
        channel.close()

    pairs = take_pairs(
        lambda: milliseconds(once, 1), lambda: milliseconds(raw.whole, 1), effort.pick(1_000, 10), effort, limit_s=6
    )
    extra: Extra = {"apdus": len(taken.commands), "goal": GOAL, "held": "yes" if pairs.ratio <= GOAL else "no"}
    return Figure("card_read_whole", "ms", "raw pyscard, same APDUs, power to power", "lower", pairs, extra)


def _fields(channel: CardChannel, wanted: dict[str, str]) -> None:
    if read_card(standard(channel)).fields() != wanted:
        raise BenchWrongError("the eleven fields came out otherwise")
