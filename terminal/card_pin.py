"""`onecard card verify-pin` and `card change-pin`: the tries left are shown before anything is typed.

A PIN is typed at the terminal without echo, or read from standard input with `--pin-stdin`; never an argument, so that
no list of processes and no shell history ever holds one.
"""

import argparse
import getpass
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from card.channel import CardChannel
from card.errors import PinBlockedError, PinError
from card.pin import Pin
from card.session import SscSession
from terminal.card_chip import find_ssc
from terminal.card_desk import (
    DONE,
    LIST,
    NO,
    Arguments,
    add_reader_options,
    complain,
    on_card,
    print_json,
    print_readers,
    reported,
)
from terminal.card_errors import LastTryError, NobodyTypesError, PinMismatchError

_PIN_END = "\r\n"
LAST = 1


@dataclass(frozen=True, slots=True)
class PinSource:
    """Where PINs come from: the keyboard, or the lines of standard input."""

    from_stdin: bool = False

    def ask(self, prompt: str) -> Pin:
        """One PIN. NobodyTypesError when nobody can type, PinFormatError when it is none."""
        return Pin(self._line() if self.from_stdin else _typed(prompt))

    def _line(self) -> str:
        line = sys.stdin.readline()
        if not line:
            raise NobodyTypesError("standard input has no line with a PIN")
        return line.rstrip(_PIN_END)


@dataclass(frozen=True, slots=True)
class Work:
    """An opened card, the tries it had before anything was typed, and what the command line said."""

    session: SscSession
    before: int
    options: argparse.Namespace


def _typed(prompt: str) -> str:
    with warnings.catch_warnings():
        # Without a terminal getpass would echo; then nothing is typed at all.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except (EOFError, getpass.GetPassWarning):
            raise NobodyTypesError("no terminal to type a PIN at") from None


def add_pin_options(parser: argparse.ArgumentParser) -> None:
    """`--pin-stdin` and `--last-try`."""
    parser.add_argument("--pin-stdin", action="store_true", help="从标准输入读密码，一行一个 · read PINs from stdin")
    parser.add_argument("--last-try", action="store_true", help="只剩一次机会时也试 · try even the last try")


def main_verify_pin(argv: Sequence[str]) -> int:
    """The command. Exit status: 0 right, 1 wrong or blocked, 2 could not be tried, 64 usage."""
    options = _options("verify-pin", "验证密码 · verify the holder's PIN", argv)
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: on_card(options, lambda channel, _: _answered(channel, options, _verify)))


def main_change_pin(argv: Sequence[str]) -> int:
    """The command. Exit status: 0 changed, 1 the old PIN is wrong or blocked, 2 could not be tried, 64 usage."""
    options = _options("change-pin", "修改密码 · change the holder's PIN", argv)
    if options.reader == LIST:
        return print_readers(options.json)
    return reported(lambda: on_card(options, lambda channel, _: _answered(channel, options, _change)))


def _options(verb: str, description: str, argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(prog=f"onecard card {verb}", description=description)
    add_reader_options(parser, psam=False)
    add_pin_options(parser)
    return parser.parse_args(list(argv))


def _answered(channel: CardChannel, options: argparse.Namespace, work: Callable[[Work], int]) -> int:
    session = open_for_pin(channel)
    try:
        before = show_tries(session, quiet=options.json, last_try=options.last_try)
    except PinBlockedError as blocked:
        return _wrong(blocked, options.json, 0)
    return work(Work(session, before, options))


def _verify(work: Work) -> int:
    session, before, options = work.session, work.before, work.options
    pin = PinSource(options.pin_stdin).ask("密码 PIN: ")
    try:
        session.verify_pin(pin)
    except (PinError, PinBlockedError) as wrong:
        return _wrong(wrong, options.json, before)
    if options.json:
        print_json({"done": True, "tries_before": before, "tries_left": _most(session), "code": ""})
    else:
        print(f"密码正确，机会恢复为 {_most(session)} 次。 The PIN is right; {_most(session)} tries are left again.")
    return DONE


def _change(work: Work) -> int:
    session, before, options = work.session, work.before, work.options
    source = PinSource(options.pin_stdin)
    old = source.ask("原密码 old PIN: ")
    new = source.ask("新密码 new PIN: ")
    # A program hands the new PIN in once: it does not mistype.
    if not options.pin_stdin and source.ask("再输一次新密码 new PIN again: ").bcd != new.bcd:
        raise PinMismatchError("the two new PINs differ")
    try:
        session.change_pin(old, new)
    except (PinError, PinBlockedError) as wrong:
        return _wrong(wrong, options.json, before)
    if options.json:
        print_json({"done": True, "tries_before": before, "tries_left": _most(session), "code": ""})
    else:
        print("密码已修改，请记牢。 The PIN is changed; keep it in mind.")
    return DONE


def open_for_pin(channel: CardChannel) -> SscSession:
    """The social security application, selected."""
    session = SscSession(channel, find_ssc(channel).profile)
    session.select()
    return session


def show_tries(session: SscSession, *, quiet: bool, last_try: bool) -> int:
    """Say how many tries are left, before anybody types. PinBlockedError at none, LastTryError at one."""
    left = session.pin_tries_left()
    if not quiet:
        print(_tries(left), flush=True)
    if left == 0:
        raise PinBlockedError("no try left")
    if left == LAST and not last_try:
        raise LastTryError("one try left")
    return left


def _wrong(wrong: PinError | PinBlockedError, as_json: bool, before: int) -> int:
    left = wrong.tries_left if isinstance(wrong, PinError) else 0
    if as_json:
        print_json({"done": False, "tries_before": before, "tries_left": left, "code": wrong.code})
    elif before:
        print(_tries(left), flush=True)
    return complain(wrong, NO)


def _most(session: SscSession) -> int:
    return session.profile.pin.max_tries if session.profile.pin is not None else 0


def _tries(left: int) -> str:
    return f"密码还可以试 {left} 次。 {left} PIN {'try is' if left == 1 else 'tries are'} left."
