"""What a reading and a bus tap cost in commands, bytes in the air and a chip's own time; and how long money hangs.

Counts come from real runs, bounds from docs/figures.md, which argues each command that is in one. Times of the chip are
modelled (firmware_sim/card/timing.toml); the window is read from the daemon's own log.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from card.apdu import Ins
from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.errors import CardError
from firmware_sim.bench.errors import BenchSkippedError, BenchWrongError
from firmware_sim.bench.figure import Effort, Extra, Figure, Pairs, rounded
from firmware_sim.bench.reading import record_reading
from firmware_sim.bench.street import CARD, PSAM, TERMINAL, Chips, Street, open_centre
from firmware_sim.bench.tape import Taped
from firmware_sim.bench.taps import record_taps
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.card.store import create_file
from firmware_sim.card.timing import CONTACT, RADIO_106, ApduCost, report
from firmware_sim.errors import DaemonNotInstalledError, NotIsolatedError
from firmware_sim.psam import make_psam
from firmware_sim.rack import DirectRack, PcscRack
from keys.card_crypto import CentreCardCrypto
from keys.centre import KeyCentre
from terminal.card_read import read_card
from terminal.card_rights import Rights

# docs/figures.md argues each of these; GET RESPONSE (T=0) counted where the answer is needed.
BOUND_READ_2 = 8
BOUND_READ_3 = 12
BOUND_TAP = 13
GOAL_TAP_MS = 200.0
US_A_MS = 1000
PROFILES_3 = ("ssc-3.00", "tunion")
_LINE = re.compile(r"^(\d{8}) (APDU|SW): ((?:[0-9A-F]{2} ?)+)", re.MULTILINE)


def counted(name: str, unit: str, value: float, bound: float, baseline: str, extra: Extra) -> Figure:
    """A figure that is counted, not timed: nothing to repeat."""
    return Figure(name, unit, baseline, "lower", Pairs(value, bound, value / bound, 0.0, 1), extra)


# ---- commands --------------------------------------------------------------------------------------------------------


def run_reading(_effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`card_read_apdus`, `card_read_apdus_3`: commands for the eleven fields, T=0, GET RESPONSE counted."""
    centre = open_centre()
    if wanted("card_read_apdus"):
        taken = record_reading(Chips.make(centre)).tape
        extra: Extra = {"apdu_bytes": taken.apdu_bytes(), "chip": "ssc-2.00, no PSAM"}
        yield counted("card_read_apdus", "APDU", len(taken.exchanges()), BOUND_READ_2, "least that can be", extra)
    if wanted("card_read_apdus_3"):
        yield _reading_3(centre)


def _reading_3(centre: KeyCentre) -> Figure:
    """A 3.00 card shows its holder only to RK_SSSE: the chip proves itself first, then we to the chip."""
    values, _ = TwinFactory(centre, SeededEntropy(2, "factory")).card_values(Order(TERMINAL, profiles=PROFILES_3))
    rack = DirectRack(SeededEntropy(4, "rack"))
    chip = memory_chip(values, SeededEntropy(5, "card"))
    rack.insert_chip(CARD, chip)
    channel = rack.reader(CARD).connect()
    chip.nv.meter.clear()

    def make(session: object, f_city: bytes) -> CentreCardCrypto:
        return CentreCardCrypto(centre, session.profile.crypto, f_city, session.atr.card_factor)  # type: ignore[attr-defined]

    reading = read_card(standard(channel), Rights("bench keys", make, SeededEntropy(6, "host"), "test"))
    costs = chip.nv.meter.costs
    rack.close()
    if reading.closed or not reading.snapshot.personalised:
        raise BenchWrongError("the 3.00 twin kept fields to itself")
    extra: Extra = {
        "apdu_bytes": sum(cost.sent + cost.received for cost in costs),
        "chip": "ssc-3.00, RK shown",
    }
    return counted("card_read_apdus_3", "APDU", len(costs), BOUND_READ_3, "least that can be", extra)


# ---- a tap -----------------------------------------------------------------------------------------------------------


def tap_costs(centre: KeyCentre) -> tuple[ApduCost, ...]:
    """What the card counted during one paid tap of a validator that runs already."""
    chips = Chips.make(centre)
    street, rack = Street.open(centre), chips.rack()
    chip = memory_chip(dict(chips.card), SeededEntropy(5, "card"))
    rack.eject(CARD)
    rack.insert_chip(CARD, chip)
    validator = street.validator(rack.reader(CARD), rack.reader(PSAM), street.journal())
    street.tap(validator)
    chip.nv.meter.clear()
    street.tap(validator)
    costs = chip.nv.meter.costs
    rack.close()
    return costs


def run_tap(_effort: Effort, wanted: Callable[[str], bool]) -> Iterator[Figure]:
    """`bus_tap_apdus`, `bus_tap_radio_bytes`, `bus_tap_card_time`."""
    centre = open_centre()
    costs = tap_costs(centre)
    # The bound leaves out GET BALANCE: INITIALIZE says the balance too, but only after the fare is decided.
    bound = [cost for cost in costs if cost.ins != Ins.GET_BALANCE]
    if wanted("bus_tap_apdus"):
        later = record_taps(centre, Chips.make(centre)).later.exchanges()
        yield counted("bus_tap_apdus", "APDU", len(later), BOUND_TAP, "least that can be", _split(later, costs))
    radio, least = report(costs, RADIO_106), report(bound, RADIO_106)
    if wanted("bus_tap_radio_bytes"):
        value, base = radio["radio_bytes"], least["radio_bytes"]
        extra = {"commands_in_the_air": len(radio["times"])}
        yield counted("bus_tap_radio_bytes", "bytes", value, base, "without GET BALANCE", extra)
    if wanted("bus_tap_card_time"):
        yield counted(
            "bus_tap_card_time",
            "ms",
            _whole_ms(radio),
            _whole_ms(least),
            "without GET BALANCE, same model",
            {**_shares(radio), **_other_lines(costs)},
        )


def _split(later: Sequence[Taped], costs: Sequence[ApduCost]) -> Extra:
    card = [step for step in later if step.slot == CARD]
    return {"card": len(card), "psam": len(later) - len(card), "in_the_air": len(report(costs, RADIO_106)["times"])}


def _whole_ms(timed: Mapping[str, int]) -> float:
    return (timed["total_us"] + timed["activation_us"]) / US_A_MS


def _shares(timed: Mapping[str, list[dict[str, int]]]) -> Extra:
    """Where the time of a tap goes, and whether the goal is held."""
    names = ("transmission_us", "eeprom_us", "crypto_us", "system_us")
    shares = {name.replace("_us", "_ms"): sum(row[name] for row in timed["times"]) / US_A_MS for name in names}
    whole = _whole_ms(timed)  # type: ignore[arg-type]
    return {"line": RADIO_106, "goal": GOAL_TAP_MS, "held": "yes" if whole <= GOAL_TAP_MS else "no", **shares}


def _other_lines(costs: Sequence[ApduCost]) -> Extra:
    lines = ("iso14443-424", "iso14443-848", CONTACT)
    return {f"{line}_ms": rounded(_whole_ms(report(costs, line))) for line in lines}


# ---- the window ------------------------------------------------------------------------------------------------------


def run_window(effort: Effort) -> Iterator[Figure]:
    """`tear_window`: from the debit's command to its answer in our hands, by the daemon's log; milliseconds.

    Counted from the moment the command leaves for the card, which is earlier than the card's acceptance: the true
    window is shorter. Beside it INITIALIZE of the same taps, which moves no money.
    """
    centre = open_centre()
    chips, street = Chips.make(centre), Street.open(centre)
    with tempfile.TemporaryDirectory(prefix="oc-bench-", dir="/tmp") as name:
        folder = Path(name)
        try:
            rack = PcscRack((CARD, PSAM), folder / "run", apdu_log=True)
        except (DaemonNotInstalledError, NotIsolatedError, CardError) as absent:
            raise BenchSkippedError(str(absent)) from absent
        try:
            create_file(folder / "card.chip", dict(chips.card))
            make_psam(folder / "psam.chip", dict(chips.psam))
            rack.insert(CARD, folder / "card.chip")
            rack.insert(PSAM, folder / "psam.chip")
            validator = street.validator(rack.reader(CARD), rack.reader(PSAM), street.journal())
            for _ in range(effort.pick(60, 4)):
                street.tap(validator)
        finally:
            rack.close()
        yield window_of(rack.log.read_text("utf-8", "replace"))


def window_of(log: str) -> Figure:
    """The figure of a daemon's log that holds taps. BenchWrongError when it holds none."""
    debits, opened = _spans(log, Ins.DEBIT), _spans(log, Ins.INITIALIZE)
    if not debits or len(debits) != len(opened):
        raise BenchWrongError(f"the daemon's log holds {len(debits)} debits and {len(opened)} openings")
    ratios = sorted(one / other for one, other in zip(debits, opened, strict=True))
    quarter = len(ratios) // 4
    middle = median(ratios)
    spread = (ratios[-1 - quarter] - ratios[quarter]) / 2 / middle
    pairs = Pairs(median(debits), median(opened), middle, spread, len(debits))
    extra: Extra = {"longest_ms": rounded(max(debits)), "source": "pcscd --apdu"}
    return Figure("tear_window", "ms", "INITIALIZE, same taps, same log", "lower", pairs, extra)


def _spans(log: str, ins: Ins) -> list[float]:
    """Milliseconds from each such command of the purse to the end of its answer, GET RESPONSE included.

    A line of the log begins with the microseconds since the line before, whatever that was.
    """
    spans: list[float] = []
    running, spent = False, 0
    for line in log.splitlines():
        found = _LINE.match(line)
        spent += int(line[:8]) if line[:8].isdigit() else 0
        if found is None:
            continue
        said = bytes.fromhex(found[3])
        if found[2] == "APDU" and said[:2] == bytes((0x80, ins)):
            running, spent = True, 0
        elif found[2] == "SW" and running and said[-2:] == b"\x90\x00":
            spans.append(spent / US_A_MS)
            running = False
        elif found[2] == "SW" and running and said[0] != 0x61:
            running = False
    return spans
