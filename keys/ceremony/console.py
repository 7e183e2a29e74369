"""The table on a terminal: people press y or type a PIN, cards come through a PC/SC reader."""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Callable
from typing import Final, TextIO

from card.channel import CardChannel
from card.errors import NoCardError
from card.readers.reader import Reader
from keys.ceremony.custody_card import PIN_MAX, PIN_MIN, CustodyCard
from keys.ceremony.errors import NotConfirmedError

YES: Final = frozenset({"y", "yes", "是"})
WAIT_MS: Final = 300_000
_LOOK_MS: Final = 1_000


class ConsoleDesk:
    """`ask` shows a prompt and gives a line, `ask_secret` one without showing it; both raise EOFError at the end."""

    def __init__(self, out: TextIO, ask: Callable[[str], str], ask_secret: Callable[[str], str]) -> None:
        self._out, self._ask, self._ask_secret = out, ask, ask_secret

    def confirm(self, person: str, zh: str, en: str) -> None:
        if self._ask(f"【{person}】{zh} {en}  y? ").strip().lower() not in YES:
            raise NotConfirmedError(f"{person}: {en}")

    def new_pin(self, person: str) -> str:
        while True:
            pin = self._ask_secret(f"【{person}】设置 PIN（{PIN_MIN}–{PIN_MAX} 位数字）new PIN: ")
            if not (PIN_MIN <= len(pin) <= PIN_MAX and pin.isascii() and pin.isdecimal()):
                self.tell("位数或字符不对", "not that many digits")
            elif len(set(pin)) == 1 or pin in "01234567890123456789" or pin in "98765432109876543210":
                self.tell("太容易猜到，换一个", "too easily guessed, another one")
            elif self._ask_secret(f"【{person}】再输一次 again: ") == pin:
                return pin
            else:
                self.tell("两次不一致", "not the same twice")

    def pin(self, person: str, tries: int) -> str:
        while True:
            pin = self._ask_secret(f"【{person}】PIN（还可试 {tries} 次 tries left {tries}）: ")
            if PIN_MIN <= len(pin) <= PIN_MAX and pin.isascii() and pin.isdecimal():
                return pin
            self.tell("位数或字符不对，未送入卡", "not that many digits, not sent to the card")

    def lines(self, person: str, envelope: str, label: str) -> list[str]:
        self.tell(f"【{person}】拆开信封 {envelope}，逐行输入 {label}，空行结束", "type the lines; an empty one ends")
        typed: list[str] = []
        while line := self._ask_secret(f"{len(typed) + 1:>2}> ").strip():
            typed.append(line)
        return typed

    def tell(self, zh: str, en: str) -> None:
        print(f"  {zh}  {en}", file=self._out, flush=True)


class ReaderCards:
    """One reader; people put in the card that is asked for, and take out any other."""

    def __init__(self, reader: Reader, desk: ConsoleDesk) -> None:
        self._reader, self._desk = reader, desk

    def insert(self, serial: str) -> CardChannel:
        """NoCardError when it does not come in five minutes."""
        self._desk.tell(f"请插入卡 {serial}", f"insert card {serial}")
        waited = 0
        while waited < WAIT_MS:
            if not self._reader.wait(True, _LOOK_MS):
                waited += _LOOK_MS
                continue
            found = self._serial()
            if found == serial.upper():
                return self._reader.connect()
            self._desk.tell(f"这是卡 {found}，请取出", f"this is card {found}, take it out")
            while waited < WAIT_MS and not self._reader.wait(False, _LOOK_MS):
                waited += _LOOK_MS
        raise NoCardError(f"card {serial}")

    def _serial(self) -> str:
        card = CustodyCard(self._reader.connect())
        try:
            return card.state().serial
        finally:
            card.close()


def hidden(prompt: str) -> str:
    """A line that is not shown. EOFError when there is no terminal that can hide it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning as shown:
            raise EOFError("no terminal to type a PIN at") from shown
