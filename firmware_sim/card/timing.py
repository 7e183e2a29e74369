"""How long a chip would take: bytes on the line, pages written, cipher blocks, priced by the figures in `timing.toml`.

A chip counts (`Meter`); the model prices (`TimeModel`). The same counts have a price for every line, so one run through
T=0 tells the contactless time too: a status 61xx and the GET RESPONSE after it are one command there.
"""

import threading
import tomllib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

from card.apdu import SW, Ins, command_name

KEPT: Final = 4096
CONTACT: Final = "t0"
RADIO_106: Final = "iso14443-106"
MICROS: Final = 1_000_000
STATUS: Final = 2
MORE: Final = 0x61
MOST: Final = 256
HEAD: Final = 4
SHORT_COMMAND: Final = 5  # header and Le, or header and P3
R_BLOCK: Final = 0
WTX_DATA: Final = 1


class _Tally(threading.local):
    def __init__(self) -> None:
        self.blocks: dict[str, int] = {}


_TALLY = _Tally()


def tally(operation: str, blocks: int = 1) -> None:
    """The chip served by this thread has done `blocks` of "des", "3des", "sm4", "sm3", "sm2_sign", "sm2_decrypt",
    "sm2_keygen".
    """
    counts = _TALLY.blocks
    counts[operation] = counts.get(operation, 0) + blocks


@dataclass(frozen=True, slots=True)
class ApduCost:
    """What one command took, counted. `data` bytes of command data; `commits` the sizes of the values of each write."""

    name: str
    ins: int
    sent: int
    received: int
    data: int
    sw: int
    commits: tuple[tuple[int, ...], ...] = ()
    operations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApduTime:
    """What one command would have taken on one line; microseconds. `writes` are pages, `crypto_ops` blocks."""

    name: str
    ins: int
    sent: int
    received: int
    transmission_us: int
    writes: int
    eeprom_us: int
    crypto_ops: int
    crypto_us: int
    system_us: int

    @property
    def total_us(self) -> int:
        return self.transmission_us + self.eeprom_us + self.crypto_us + self.system_us


class Meter:
    """Counts what one chip does; the last `KEPT` commands. Of a command only the head is kept: data may be a PIN."""

    def __init__(self) -> None:
        self._rows: deque[_Row] = deque(maxlen=KEPT)
        self._commits: tuple[tuple[int, ...], ...] = ()

    @property
    def costs(self) -> tuple[ApduCost, ...]:
        """One for each command, oldest first."""
        return tuple(_cost(*row) for row in tuple(self._rows))

    def clear(self) -> None:
        """Forget the commands so far."""
        self._rows.clear()

    def begin(self) -> None:
        """A command has come in."""
        self._commits = ()
        if _TALLY.blocks:
            _TALLY.blocks = {}

    def wrote(self, changes: Mapping[str, bytes | None]) -> None:
        """One commit."""
        self._commits += (tuple(len(value or b"") for value in changes.values()),)

    def end(self, apdu: bytes, answer: bytes) -> None:
        """Its answer is ready."""
        self._rows.append(
            (apdu[:SHORT_COMMAND], len(apdu), len(answer), answer[-STATUS:], self._commits, _TALLY.blocks)
        )
        _TALLY.blocks = {}


_Row: TypeAlias = tuple[bytes, int, int, bytes, tuple[tuple[int, ...], ...], dict[str, int]]


def _cost(
    head: bytes, sent: int, received: int, sw: bytes, commits: tuple[tuple[int, ...], ...], blocks: dict[str, int]
) -> ApduCost:
    data = head[4] if sent > SHORT_COMMAND else 0
    known = len(head) >= HEAD
    name, ins = (command_name(head), head[1]) if known else ("?", 0)
    return ApduCost(name, ins, sent, received, data, int.from_bytes(sw, "big"), commits, blocks)


def joined(costs: Iterable[ApduCost]) -> list[ApduCost]:
    """The same commands as a line without GET RESPONSE carries them: a waiting answer comes at once, wanted or not."""
    whole: list[ApduCost] = []
    for cost in costs:
        if cost.ins != Ins.GET_RESPONSE:
            waiting = (cost.sw & 0xFF or MOST) if cost.sw >> 8 == MORE else 0
            # Le, which T=0 leaves to the GET RESPONSE, is a byte of the command.
            at_once = replace(cost, sent=cost.sent + 1, received=waiting + STATUS, sw=int(SW.OK))
            whole.append(at_once if waiting else cost)
    return whole


class TimeModel:
    """Prices counts by the figures of a table like `timing.toml`."""

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self._radio = figures["radio"]
        self._contact = figures["contact"]
        self._eeprom = figures["eeprom"]
        self._crypto = figures["crypto"]
        self._system = figures["system"]
        self._divisors = {line["name"]: line["divisor"] for line in figures["line"]}

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines that can be asked for."""
        return (*self._divisors, CONTACT)

    def price(self, costs: Sequence[ApduCost], line: str) -> list[ApduTime]:
        """A time for each command on `line`; ValueError for a line that is not in the table."""
        if line not in self.lines:
            raise ValueError(f"no line {line!r}; lines: {', '.join(self.lines)}")
        return [self._price(cost, line) for cost in (costs if line == CONTACT else joined(costs))]

    def radio_bytes(self, costs: Sequence[ApduCost]) -> int:
        """Bytes in the air for these commands, framing included, without activation."""
        whole = joined(costs)
        return sum(self._framed(cost.sent) + self._framed(cost.received) for cost in whole)

    def activation_us(self, line: str) -> int:
        """Field to first command: request, anticollision, selection, RATS; a rate above 106 kbit/s is asked for too."""
        if line == CONTACT:
            return 0
        radio = self._radio
        uid = radio["uid_bytes"] + 1
        pairs = [(1, 2), (2, uid), (uid + 4, 3), (4, radio["ats_bytes"] + 2)]
        slow = max(self._divisors.values())
        if self._divisors[line] != slow:
            pairs.append((5, 3))
        return sum(self._bits_us(sent, slow) + self._bits_us(got, slow) + 2 * self._delay_us() for sent, got in pairs)

    def _price(self, cost: ApduCost, line: str) -> ApduTime:
        pages = sum(self._pages(sizes) for sizes in cost.commits)
        eeprom = pages * int(self._eeprom["page_us"])
        crypto = sum(count * int(self._crypto[f"{name}_us"]) for name, count in cost.operations.items())
        system = 0 if cost.ins == Ins.GET_RESPONSE else int(self._system["command_us"])
        if line == CONTACT:
            wire = self._contact_us(cost)
        else:
            wire = self._radio_us(cost, self._divisors[line], eeprom + crypto + system)
        return ApduTime(
            name=cost.name,
            ins=cost.ins,
            sent=cost.sent,
            received=cost.received,
            transmission_us=wire,
            writes=pages,
            eeprom_us=eeprom,
            crypto_ops=sum(cost.operations.values()),
            crypto_us=crypto,
            system_us=system,
        )

    def _pages(self, sizes: Sequence[int]) -> int:
        """Page writes of one commit; an emptied value still has its mark."""
        size = int(self._eeprom["page_bytes"])
        pages = sum(max(1, -(-length // size)) for length in sizes)
        if self._eeprom["scheme"] == "backup":
            return 2 * pages + 2
        return pages if pages == 1 else pages + 1

    def _contact_us(self, cost: ApduCost) -> int:
        """Header, procedure byte and data of either direction, status."""
        contact = self._contact
        answer = cost.received - STATUS
        characters = int(contact["header_bytes"]) + int(contact["status_bytes"])
        characters += (1 + cost.data if cost.data else 0) + (1 + answer if answer else 0)
        clocks = characters * int(contact["etu_per_character"]) * int(contact["clocks_per_etu"])
        return round(clocks * MICROS / int(contact["clock_hz"]))

    def _radio_us(self, cost: ApduCost, divisor: int, working_us: int) -> int:
        """Command and answer in blocks, each long block acknowledged; a long wait is asked for once a waiting time."""
        total = 0
        for length in (cost.sent, cost.received):
            blocks = self._blocks(length)
            total += sum(self._block_us(size, divisor) for size in blocks)
            total += (len(blocks) - 1) * self._block_us(R_BLOCK, divisor)
        extensions = working_us // self._waiting_us()
        total += extensions * 2 * self._block_us(WTX_DATA, divisor)
        return total

    def _blocks(self, length: int) -> list[int]:
        room = int(self._radio["frame_bytes"]) - int(self._radio["edge_bytes"])
        return [min(room, length - at) for at in range(0, max(length, 1), room)]

    def _framed(self, length: int) -> int:
        blocks = self._blocks(length)
        return length + (2 * len(blocks) - 1) * int(self._radio["edge_bytes"])

    def _block_us(self, size: int, divisor: int) -> int:
        lead = self._radio["fast_lead_carriers"] if divisor != max(self._divisors.values()) else 0
        edges = int(self._radio["edge_bytes"])
        return self._bits_us(size + edges, divisor) + self._carriers_us(lead) + self._delay_us()

    def _bits_us(self, size: int, divisor: int) -> int:
        bits = size * int(self._radio["bits_per_byte"]) + int(self._radio["start_stop_bits"])
        return self._carriers_us(bits * divisor)

    def _delay_us(self) -> int:
        return self._carriers_us(self._radio["delay_carriers"])

    def _waiting_us(self) -> int:
        """ISO/IEC 14443-4: 256 * 16/fc * 2^FWI."""
        return self._carriers_us(4096 << int(self._radio["waiting_integer"]))

    def _carriers_us(self, periods: int) -> int:
        return round(periods * MICROS / int(self._radio["carrier_hz"]))


@cache
def time_model() -> TimeModel:
    """The built-in figures."""
    return TimeModel(tomllib.loads(files("firmware_sim.card").joinpath("timing.toml").read_text("utf-8")))


def report(costs: Sequence[ApduCost], line: str) -> dict[str, Any]:
    """For JSON: a row for each command, the sum of their times, bytes in the air, and the activation before them.

    ValueError for an unknown line.
    """
    model = time_model()
    times = model.price(costs, line)
    names = ApduTime.__dataclass_fields__
    return {
        "line": line,
        "times": [{**{name: getattr(item, name) for name in names}, "total_us": item.total_us} for item in times],
        "total_us": sum(item.total_us for item in times),
        "radio_bytes": model.radio_bytes(costs),
        "activation_us": model.activation_us(line),
    }
