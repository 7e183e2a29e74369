"""A card that answers late is an error in time, and is let go once its answer has come."""

import threading
import time

import pytest

from card.channel import CardChannel
from card.errors import CardLateError, CardLostError, NoCardError
from card.readers.patience import PatientReader

OK = b"\x90\x00"
SLOW, LOST = b"\x00\xb0\x00\x00", b"\x00\xb2\x00\x00"


class Line:
    """A card that waits for leave to answer `SLOW`, and is torn away by `LOST`."""

    def __init__(self) -> None:
        self.leave = threading.Event()
        self.closed = threading.Event()

    @property
    def atr(self) -> bytes:
        return b"\x3b\x00"

    def transmit(self, apdu: bytes) -> bytes:
        if apdu == SLOW:
            self.leave.wait(10)
        if apdu == LOST:
            raise CardLostError("gone")
        return OK

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        self.closed.set()


class Slot:
    def __init__(self, line: Line | None) -> None:
        self.line = line
        self.name = "slot"

    def connect(self) -> CardChannel:
        if self.line is None:
            raise NoCardError("empty")
        return self.line

    def card_present(self) -> bool:
        return self.line is not None

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self.card_present() is present


def test_a_late_answer_is_an_error_and_nothing_more_is_asked() -> None:
    line = Line()
    channel = PatientReader(Slot(line), 50).connect()
    assert (channel.atr, channel.transmit(b"\x00\x84\x00\x00\x08"), channel.reset()) == (line.atr, OK, line.atr)
    started = time.monotonic()
    with pytest.raises(CardLateError):
        channel.transmit(SLOW)
    with pytest.raises(CardLateError, match="still owes"):
        channel.transmit(b"\x00\x84\x00\x00\x08")
    channel.close()
    assert time.monotonic() - started < 5
    assert not line.closed.is_set()
    line.leave.set()
    assert line.closed.wait(5)


def test_errors_come_through_and_a_card_in_time_is_let_go_at_once() -> None:
    line = Line()
    reader = PatientReader(Slot(line), 1000)
    assert (reader.name, reader.card_present(), reader.wait(True, 0)) == ("slot", True, True)
    channel = reader.connect()
    with pytest.raises(CardLostError):
        channel.transmit(LOST)
    channel.close()
    assert line.closed.is_set()
    with pytest.raises(NoCardError):
        PatientReader(Slot(None)).connect()
