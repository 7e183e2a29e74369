"""APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK and TERMINATE, each under a MAC (card §2.1, §2.3)."""

from firmware_sim.card import memory
from firmware_sim.card.blueprint import MF
from firmware_sim.card.cos import BLOCKED_FOR_EVER, Card
from firmware_sim.card.dispatch import Command
from firmware_sim.card.line import MAC, check_line, maintenance_key
from firmware_sim.card.rules import Form, Rule, always, exactly, plain, sizes
from firmware_sim.card.status import CONDITIONS, PERMANENTLY_BLOCKED, SwError

TEMPORARILY = b"\x01"


def application_block(card: Card, command: Command) -> bytes:
    """84 1E 00 00 temporarily, 00 01 for ever."""
    _check(card, command)
    kind = BLOCKED_FOR_EVER if command.p2 else TEMPORARILY
    card.nv.commit({memory.app_block(card.session.directory): kind})
    return b""


def application_unblock(card: Card, command: Command) -> bytes:
    """84 18 00 00: undoes a temporary block."""
    name = memory.app_block(card.session.directory)
    block = card.nv.get(name)
    if block is None:
        raise SwError(CONDITIONS)
    if block == BLOCKED_FOR_EVER:
        raise SwError(PERMANENTLY_BLOCKED)
    _check(card, command)
    card.nv.commit({name: None})
    return b""


def card_block(card: Card, command: Command) -> bytes:
    """84 16 00 00 at the MF: the chip answers nothing but 6A81 from now on."""
    _end_as(card, command, "blocked")
    return b""


def terminate(card: Card, command: Command) -> bytes:
    """84 FE 00 00 at the MF: the end of this chip; it answers nothing but 6901 from now on."""
    _end_as(card, command, "terminated")
    return b""


def _end_as(card: Card, command: Command, state: str) -> None:
    if card.session.directory != MF:
        raise SwError(CONDITIONS)
    _check(card, command)
    card.nv.commit({memory.LIFECYCLE: bytes((card.plan.cos.lifecycle[state],))})


def _check(card: Card, command: Command) -> None:
    check_line(card, card.session.directory, maintenance_key(card), command)


_WORD = always("maintenance")
RULES: dict[int, Rule] = {
    0x841E: Rule(application_block, "P", (Form(exactly(0x0000, 0x0001), sizes(MAC)),), _WORD),
    0x8418: Rule(application_unblock, "P", plain(0x0000, MAC), _WORD, when_blocked=True),
    0x8416: Rule(card_block, "P", plain(0x0000, MAC), _WORD),
    0x84FE: Rule(terminate, "IP", plain(0x0000, MAC), _WORD),
}
