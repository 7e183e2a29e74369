"""Where a PIN is typed: never an argument of a function (card §4.2, B), always a keypad or prompt behind this port."""

import getpass
import select
import sys
from enum import Enum
from typing import Protocol, TextIO

from terminal.ldt33.codes import Code, Ldt33Error


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
    """The console this process was started on, without echo; a line of standard input where that is no terminal."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines

    def ask(self, prompt: Prompt, timeout_ms: int) -> str:
        """An empty line cancels."""
        zh, en = prompt.value
        if self._lines.isatty():
            typed = _hidden(f"{zh} {en}: ")
        else:
            if not select.select([self._lines], [], [], timeout_ms / 1000)[0]:
                raise Ldt33Error(Code.TIMED_OUT)
            typed = self._lines.readline()
        typed = typed.strip()
        if not typed:
            raise Ldt33Error(Code.CANCELLED)
        return typed


def _hidden(prompt: str) -> str:
    try:
        return getpass.getpass(prompt, sys.stderr)
    except EOFError:
        raise Ldt33Error(Code.CANCELLED) from None
