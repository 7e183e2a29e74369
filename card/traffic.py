"""The masked traffic log: every command by name, lengths always, bytes only where nothing of a person can stand."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from card.apdu import Ins, command_name, sw_name
from card.wire import CardChannel


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its answer, already masked; safe to print. Durations in microseconds of the real clock."""

    name: str
    command: str
    response: str
    sw: int
    command_bytes: int
    response_bytes: int
    micros: int

    def line(self) -> str:
        """`SELECT  > 00A40000 02 DDF1  < ‹30 bytes› 9000 OK`."""
        return f"{self.name}  > {self.command}  < {self.response}"


TrafficSink: TypeAlias = Callable[[Exchange], None]

# Commands whose data are selectors, random numbers, sequences, amounts, MACs and cryptograms: nothing of a person, no
# PIN and no key. Whatever is not listed here is masked.
_OPEN: frozenset[tuple[int, int]] = frozenset(
    {
        (0x00, Ins.SELECT),
        (0x00, Ins.GET_CHALLENGE),
        (0x00, Ins.EXTERNAL_AUTHENTICATE),
        (0x00, Ins.INTERNAL_AUTHENTICATE),
        (0x80, Ins.GET_BALANCE),
        (0x80, Ins.INITIALIZE),
        (0x80, Ins.CREDIT_FOR_LOAD),
        (0x80, Ins.DEBIT),
        (0x80, Ins.GET_TRANSACTION_PROVE),
        (0x80, Ins.PSAM_INIT_PURCHASE),
        (0x80, Ins.PSAM_CREDIT_PURCHASE),
        (0xBF, Ins.PSAM_INIT_SESSION),
    }
)


class TrafficLog:
    """Hands one masked `Exchange` a command to the sink. The sink must not block."""

    def __init__(self, inner: CardChannel, sink: TrafficSink) -> None:
        self._inner = inner
        self._sink = sink
        self._answer_open = False

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        name = command_name(apdu)
        if apdu[1] != Ins.GET_RESPONSE:
            self._answer_open = (apdu[0], apdu[1]) in _OPEN
        started = time.perf_counter_ns()
        answer = self._inner.transmit(apdu)
        micros = (time.perf_counter_ns() - started) // 1000
        sw = int.from_bytes(answer[-2:], "big")
        shown = _show(answer[:-2], self._answer_open) + sw_name(sw)
        self._sink(Exchange(name, _command(apdu, self._answer_open), shown, sw, len(apdu), len(answer), micros))
        return answer

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


def _command(apdu: bytes, is_open: bool) -> str:
    head, body = apdu[:4], apdu[4:]
    if len(body) <= 1 or apdu[1] == Ins.GET_RESPONSE:
        return f"{head.hex().upper()} {body.hex().upper()}".rstrip()
    return f"{head.hex().upper()} {body[:1].hex().upper()} {_show(body[1:], is_open)}".rstrip()


def _show(data: bytes, is_open: bool) -> str:
    if not data:
        return ""
    return f"{data.hex().upper()} " if is_open else f"‹{len(data)} bytes› "


class Trace:
    """A sink that keeps the last `limit` exchanges."""

    def __init__(self, limit: int = 1000) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=limit)

    def __call__(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    @property
    def apdus(self) -> int:
        return len(self.exchanges)

    @property
    def bytes(self) -> int:
        """Bytes over the wire, both ways."""
        return sum(item.command_bytes + item.response_bytes for item in self.exchanges)

    def lines(self) -> list[str]:
        return [item.line() for item in self.exchanges]

    def clear(self) -> None:
        self.exchanges.clear()
