"""A full bus tap: the terminal's own time through the real PC/SC daemon, and the whole of it in process."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from card.errors import CardError
from card.readers.reader import Reader
from card.recording import Recording
from card.wire import CardChannel
from firmware_sim.bench.errors import BenchSkippedError
from firmware_sim.bench.figure import Effort, Extra, Figure, milliseconds, per_second, rounded, take_pairs
from firmware_sim.bench.raw_pcsc import RawLoop
from firmware_sim.bench.stopwatch import Stopwatch, TimedJournal, TimedReader
from firmware_sim.bench.street import CARD, PSAM, Chips, Street, open_centre
from firmware_sim.bench.tape import BareExchange, Script, Tape
from firmware_sim.errors import DaemonNotInstalledError, NotIsolatedError
from firmware_sim.rack import PcscRack
from keys.centre import KeyCentre
from terminal.journal_sqlite import SqliteJournal

TAPS_A_BLOCK = 4
SPLIT_BLOCKS = 25
SCRIPTED = "firmware_sim.bench.scripted_twins"


@dataclass(frozen=True)
class RecordedTaps:
    """`first` holds the module's power-on and a tap, `later` one tap of a validator that runs already."""

    first: Tape
    later: Tape
    atrs: dict[str, bytes]

    def scripts(self) -> dict[str, Script]:
        """What the scripted card and module say: the card a tap a power-on, the module its beginning once."""
        card = Recording("bench: card", self.atrs[CARD], self.later.of(CARD))
        beginning = self.first.of(PSAM)
        module = Recording("bench: module", self.atrs[PSAM], beginning + self.later.of(PSAM))
        return {CARD: Script(card), PSAM: Script(module, again=len(beginning))}


def record_taps(centre: KeyCentre, chips: Chips) -> RecordedTaps:
    """Two real taps of real twins in this process."""
    street, rack, tape = Street.open(centre), chips.rack(), Tape()
    card, module = (tape.listen(slot, rack.reader(slot)) for slot in (CARD, PSAM))
    validator = street.validator(card, module, street.journal())
    street.tap(validator)
    first = tape.cut()
    street.tap(validator)
    rack.close()
    return RecordedTaps(first, tape.cut(), {step.slot: step.answer for step in first.steps if not step.command})


# ---- through the daemon ----------------------------------------------------------------------------------------------


class HeldReader:
    """A reader that can be told to let go of what it has connected: so that others may have the module in turn."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self._channel: CardChannel | None = None

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        self._channel = self._inner.connect()
        return self._channel

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)

    def let_go(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def run_host(effort: Effort) -> Iterator[Figure]:
    """`bus_tap_host`: milliseconds a tap costs when card and module cost next to nothing.

    Card and module are scripted: a process that answers a recorded tap in constant time, whatever MAC it is given; so
    the debit is accepted by design and only the terminal, its journal and PC/SC are measured. The raw side powers the
    same card, sends the same commands over the same readers and lets the card go, and does nothing else.
    """
    centre = open_centre()
    recorded = record_taps(centre, Chips.make(centre))
    with tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as name:
        folder = Path(name)
        rack = _scripted_rack(folder / "run")
        try:
            for slot, script in recorded.scripts().items():
                rack.insert(slot, script.save(folder / f"{slot}.script"))
            yield _host_figure(rack, folder, Street.open(centre), recorded, effort)
        finally:
            rack.close()


def _scripted_rack(folder: Path) -> PcscRack:
    try:
        return PcscRack((CARD, PSAM), folder, twins=SCRIPTED)
    except (DaemonNotInstalledError, NotIsolatedError, CardError) as absent:
        raise BenchSkippedError(str(absent)) from absent


def _host_figure(rack: PcscRack, folder: Path, street: Street, recorded: RecordedTaps, effort: Effort) -> Figure:
    journal = street.journal(folder / "journal.db")
    readers = {slot: rack.name(slot) for slot in (CARD, PSAM)}
    raw = RawLoop(readers, CARD, recorded.first.exchanges(), recorded.later.exchanges())

    def ours() -> float:
        held = HeldReader(rack.reader(PSAM))
        validator = street.validator(rack.reader(CARD), held, journal)
        street.tap(validator)  # powers the module: a validator does that once a day
        spent = milliseconds(lambda: street.tap(validator), TAPS_A_BLOCK)
        held.let_go()
        return spent

    def bare() -> float:
        raw.open_module()
        spent = milliseconds(raw.tap, TAPS_A_BLOCK)
        raw.close_module()
        return spent

    pairs = take_pairs(ours, bare, effort.pick(120, 6), effort, limit_s=25)
    extra: dict[str, int | float | str] = {
        **_wire(recorded.later),
        **_split(rack, street, journal, effort.pick(SPLIT_BLOCKS, 2)),
    }
    extra["chips"] = "scripted, MACs not checked"
    raw.close()
    journal.close()
    return Figure("bus_tap_host", "ms", "raw pyscard, same APDUs and readers", "lower", pairs, extra)


def _wire(tap: Tape) -> Extra:
    return {"apdus": len(tap.exchanges()), "apdu_bytes": tap.apdu_bytes()}


def _split(rack: PcscRack, street: Street, journal: SqliteJournal, blocks: int) -> Extra:
    """Where the time of a tap goes, from taps of their own with stopwatches in: milliseconds, means."""
    wire, disk, whole = Stopwatch(), Stopwatch(), Stopwatch()
    held = HeldReader(TimedReader(rack.reader(PSAM), wire))
    validator = street.validator(TimedReader(rack.reader(CARD), wire), held, TimedJournal(journal, disk))
    street.tap(validator)
    taps = blocks * TAPS_A_BLOCK
    for watch in (wire, disk):
        watch.reset()
    for _ in range(taps):
        with whole:
            street.tap(validator)
    held.let_go()
    shares = {"pcsc_ms": wire.spent_ms / taps, "journal_ms": disk.spent_ms / taps}
    shares["host_logic_ms"] = whole.spent_ms / taps - sum(shares.values())
    return {name: rounded(value) for name, value in shares.items()}


# ---- in process ------------------------------------------------------------------------------------------------------


def run_in_process(effort: Effort) -> Iterator[Figure]:
    """`tap_in_process`: taps a second with card and module as twins in this process, journal in memory.

    The bare side sends the recorded commands to twins in the same state, which draw the same random numbers: what the
    chips compute is the same on both sides.
    """
    centre = open_centre()
    chips = Chips.make(centre)
    recorded = record_taps(centre, chips)

    def ours() -> float:
        street, rack = Street.open(centre), chips.rack()
        validator = street.validator(rack.reader(CARD), rack.reader(PSAM), street.journal())
        street.tap(validator)
        return per_second(lambda: street.tap(validator), 1)

    def bare() -> float:
        exchange = BareExchange(chips.rack())
        exchange.play(recorded.first, leaves=CARD)
        return per_second(lambda: exchange.play(recorded.later, leaves=CARD), 1)

    pairs = take_pairs(ours, bare, effort.pick(100, 4), effort, limit_s=10)
    yield Figure("tap_in_process", "taps/s", "same APDUs, same twins", "higher", pairs, _wire(recorded.later))
