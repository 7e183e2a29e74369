"""APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK, each under a MAC (card §2.1, §2.3)."""

from firmware_sim.card import crypto, memory
from firmware_sim.card.blueprint import MF
from firmware_sim.card.cos import BLOCKED_FOR_EVER, Card, Handler, check_mac
from firmware_sim.card.dispatch import Command, want_data
from firmware_sim.card.files import mac_iv, maintenance_key
from firmware_sim.card.status import BAD_P1P2, CONDITIONS, PERMANENTLY_BLOCKED, SwError

TEMPORARILY = b"\x01"
MAC = 4


def application_block(card: Card, command: Command) -> bytes:
    """84 1E 00 00 temporarily, 00 01 for ever."""
    if command.p1 or command.p2 > 1:
        raise SwError(BAD_P1P2)
    _check(card, command)
    kind = BLOCKED_FOR_EVER if command.p2 else TEMPORARILY
    card.nv.commit({memory.app_block(card.session.directory): kind})
    return b""


def application_unblock(card: Card, command: Command) -> bytes:
    """84 18 00 00: undoes a temporary block."""
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    name = memory.app_block(card.session.directory)
    block = card.nv.get(name)
    if block == BLOCKED_FOR_EVER:
        raise SwError(PERMANENTLY_BLOCKED)
    _check(card, command)
    if block is None:
        raise SwError(CONDITIONS)
    card.nv.commit({name: None})
    return b""


def card_block(card: Card, command: Command) -> bytes:
    """84 16 00 00 at the MF: the chip answers nothing but 6A81 from now on."""
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    if card.session.directory != MF:
        raise SwError(CONDITIONS)
    _check(card, command)
    card.nv.commit({memory.CARD_BLOCK: b"\x01"})
    return b""


def _check(card: Card, command: Command) -> None:
    given = want_data(command, MAC)
    if not card.in_state("personalised"):
        raise SwError(CONDITIONS)
    check_mac(given, crypto.retail_mac(maintenance_key(card), command.header(MAC), mac_iv(card)))


HANDLERS: dict[int, Handler] = {0x841E: application_block, 0x8418: application_unblock, 0x8416: card_block}
