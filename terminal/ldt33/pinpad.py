"""Where a PIN is typed: never an argument of a function (card §4.2, B), always a keypad or prompt behind this port."""

import contextlib
import getpass
import os
import select
import sys
import time
from collections.abc import Iterator
from enum import Enum
from typing import Any, Protocol

from terminal.ldt33.codes import Code, Ldt33Error

try:  # consoles of other systems have no such thing
    import termios as _termios
except ImportError:  # pragma: no cover - depends on the machine
    _termios = None  # type: ignore[assignment]
termios: Any = _termios

LONGEST = 64


class Prompt(Enum):
    """What the holder is asked for."""

    PIN = ("请输入密码", "enter the PIN")
    OLD = ("请输入原密码", "enter the old PIN")
    NEW = ("请输入新密码", "enter the new PIN")
    AGAIN = ("请再次输入新密码", "enter the new PIN again")


class PinPad(Protocol):
    """A keypad. `ask` gives what was typed; -31 when the holder cancelled, -32 when `timeout_ms` passed."""

    def ask(self, prompt: Prompt, timeout_ms: int) -> str: ...


class NoPinPad:
    """A terminal without a keypad: everything that needs a PIN is -13."""

    def ask(self, prompt: Prompt, timeout_ms: int) -> str:
        raise Ldt33Error(Code.NOT_SUPPORTED, "no PIN pad")


class LinePinPad:
    """A console, without echo, or a pipe with a line for each entry. `source` is its file descriptor."""

    def __init__(self, source: int) -> None:
        self._source = source

    def ask(self, prompt: Prompt, timeout_ms: int) -> str:
        """An empty line, or no line any more, cancels."""
        zh, en = prompt.value
        if not os.isatty(self._source):
            typed = _line(self._source, timeout_ms)
        elif termios is None:
            typed = getpass.getpass(f"{zh} {en}: ")
        else:
            print(f"{zh} {en}: ", end="", file=sys.stderr, flush=True)
            with _silent(self._source):
                typed = _line(self._source, timeout_ms)
            print(file=sys.stderr)
        if not typed.strip():
            raise Ldt33Error(Code.CANCELLED)
        return typed.strip()


def _line(source: int, timeout_ms: int) -> str:
    """Up to a line feed, byte by byte, so that the next entry stays where it is; -32 when it does not come in time."""
    deadline, typed = time.monotonic() + timeout_ms / 1000, b""
    while len(typed) < LONGEST:
        if not select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Ldt33Error(Code.TIMED_OUT)
        byte = os.read(source, 1)
        if byte in (b"", b"\n"):
            break
        typed += byte
    return typed.decode("utf-8", "replace")


@contextlib.contextmanager
def _silent(source: int) -> Iterator[None]:
    before = termios.tcgetattr(source)
    hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(source, termios.TCSAFLUSH, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(source, termios.TCSAFLUSH, before)
