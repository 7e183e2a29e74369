"""Commands of the terminal floor: each hands the real chance and clock in and runs one part."""

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from terminal.card_check import main_check
from terminal.card_compare import main_compare
from terminal.card_dump import main_dump
from terminal.card_pin import main_change_pin, main_verify_pin
from terminal.card_profile import main_profile
from terminal.card_purse import main_purse
from terminal.card_read import main_read
from terminal.card_write import main_write


def card_read(argv: list[str]) -> int:
    """`onecard card read`."""
    return main_read(argv, SystemEntropy())


def card_dump(argv: list[str]) -> int:
    """`onecard card dump`."""
    return main_dump(argv, SystemEntropy())


def card_verify_pin(argv: list[str]) -> int:
    """`onecard card verify-pin`."""
    return main_verify_pin(argv)


def card_change_pin(argv: list[str]) -> int:
    """`onecard card change-pin`."""
    return main_change_pin(argv)


def card_purse(argv: list[str]) -> int:
    """`onecard card purse`."""
    return main_purse(argv)


def card_write(argv: list[str]) -> int:
    """`onecard card write`."""
    return main_write(argv, SystemEntropy())


def card_compare(argv: list[str]) -> int:
    """`onecard card compare`."""
    return main_compare(argv, SystemEntropy())


def card_check(argv: list[str]) -> int:
    """`onecard card check`."""
    return main_check(argv, SystemEntropy(), SystemClock())


def card_profile(argv: list[str]) -> int:
    """`onecard card profile`."""
    return main_profile(argv)
