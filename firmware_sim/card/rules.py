"""How a command is declared: states, application word, forms. Checked in this order before its handler runs.

Order of checks and meaning of the status words: docs/card-commands.md, 2 and 5.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_sim.card.dispatch import Command
from firmware_sim.card.status import BAD_P1P2, CONDITIONS, WRONG_LENGTH, SwError

if TYPE_CHECKING:
    from firmware_sim.card.cos import Card

Handler = Callable[["Card", Command], bytes]
Fits = Callable[["Card", Command], bool]
Lengths = Callable[["Card"], Container[int]]
Word = Callable[[Command], str]
STATES = {"B": "blank", "I": "initialised", "P": "personalised"}
ANY_DATA = range(1, 65_536)
PROTECTED = 0x04  # bit of CLA: the command ends in a MAC


@dataclass(frozen=True, slots=True)
class Form:
    """One meaning of a command: which P1 P2, which lengths of data."""

    fits: Fits
    lengths: Lengths


@dataclass(frozen=True, slots=True)
class Rule:
    """One instruction under one class. `states`: letters of STATES; `word`: what `[contactless] refused` may name."""

    handler: Handler
    states: str
    forms: tuple[Form, ...]
    word: Word | None = None
    when_blocked: bool = False

    def check_form(self, card: "Card", command: Command) -> None:
        """Steps 7 and 8: a length no form has, P1 P2 no form has, then the length of another form. Raises SwError."""
        size = len(command.data)
        if command.extended and command.cla & PROTECTED:
            raise SwError(WRONG_LENGTH)
        fitting = known = False
        for form in self.forms:
            long_enough = size in form.lengths(card)
            fits = form.fits(card, command)
            if long_enough and fits:
                return
            known, fitting = known or long_enough, fitting or fits
        raise SwError(BAD_P1P2 if known and not fitting else WRONG_LENGTH)

    def check_interface(self, command: Command, refused: Container[str]) -> None:
        """Step 6. Raises SwError 6985 when a profile refuses the command over contactless."""
        if self.word is not None and self.word(command) in refused:
            raise SwError(CONDITIONS)


def always(name: str) -> Word:
    """The same word whatever the parameters."""
    return lambda _command: name


def exactly(*pairs: int) -> Fits:
    """P1 P2 is one of these two-byte numbers."""
    allowed = frozenset(pairs)
    return lambda _card, command: command.p1 << 8 | command.p2 in allowed


def reference() -> Fits:
    """P1 00, any P2."""
    return lambda _card, command: command.p1 == 0


def sizes(*lengths: int) -> Lengths:
    """One of these numbers of bytes; 0 is no data."""
    allowed = frozenset(lengths)
    return lambda _card: allowed


def within(allowed: range) -> Lengths:
    """Any number of bytes in a range."""
    return lambda _card: allowed


def plain(p1p2: int, *lengths: int) -> tuple[Form, ...]:
    """The one form of most commands."""
    return (Form(exactly(p1p2), sizes(*lengths)),)
