"""Modelled times for `card log`: asked of the twin that did the work, or computed from the bytes for any other card."""

from collections.abc import Sequence
from pathlib import Path

from card.apdu import MORE_DATA, Ins
from card.traffic import Exchange
from firmware_sim.card.timing import CONTACT, ApduCost, report, time_model
from firmware_sim.control import SOCKET_NAME, RefusedError, ask
from firmware_sim.errors import SimError
from terminal.card_log import Priced, TimeRow

_HEAD, _SHORT = 5, 5


class TwinTimes:
    """Prices the exchanges of a log. `socket_name` is the daemon's socket; a running `sim up` listens beside it."""

    def __init__(self, socket_name: str) -> None:
        self._control = Path(socket_name or "/nonexistent/none").parent / SOCKET_NAME

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines that can be priced, the usual one last."""
        return time_model().lines

    @property
    def usual(self) -> str:
        return CONTACT

    def price(self, reader: str, exchanges: Sequence[Exchange], line: str) -> Priced:
        """One row an exchange; None where the line carries it together with the exchange before."""
        rows = self._of_twin(reader, len(exchanges), line)
        if rows is not None:
            return Priced("twin", _spread(exchanges, rows, line))
        costs = [_cost(exchange) for exchange in exchanges]
        return Priced("bytes", _spread(exchanges, report(costs, line)["times"], line))

    def _of_twin(self, reader: str, count: int, line: str) -> list[TimeRow] | None:
        """The chip's own last commands; None when no twin is in that reader."""
        try:
            slots = ask(self._control, {"do": "list"})["slots"]
            slot = next((row["slot"] for row in slots if row["reader"] == reader and row["chip"]), None)
            if slot is None:
                return None
            rows: list[TimeRow] = ask(self._control, {"do": "times", "slot": slot, "line": line})["times"]
        except (SimError, RefusedError, KeyError):
            return None
        return rows if rows and (len(rows) >= count or line != CONTACT) else None


def _spread(exchanges: Sequence[Exchange], rows: Sequence[TimeRow], line: str) -> tuple[TimeRow | None, ...]:
    """`rows` beside `exchanges`, from the end: a line without GET RESPONSE has fewer of them."""
    own = [place for place in range(len(exchanges)) if line == CONTACT or not _joined(exchanges, place)]
    spread: list[TimeRow | None] = [None] * len(exchanges)
    for place, row in zip(reversed(own), reversed(rows), strict=False):
        spread[place] = row
    return tuple(spread)


def _joined(exchanges: Sequence[Exchange], place: int) -> bool:
    waiting = place > 0 and exchanges[place - 1].sw >> 8 == MORE_DATA
    return waiting and _ins(exchanges[place]) == Ins.GET_RESPONSE


def _ins(exchange: Exchange) -> int:
    return int(exchange.command[2:4], 16)


def _cost(exchange: Exchange) -> ApduCost:
    """What bytes alone tell: nothing of writes and ciphers."""
    data = exchange.command_bytes - _HEAD if exchange.command_bytes > _SHORT else 0
    return ApduCost(exchange.name, _ins(exchange), exchange.command_bytes, exchange.response_bytes, data, exchange.sw)
