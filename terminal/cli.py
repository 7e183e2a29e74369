"""Commands of the terminal floor: each hands the real chance and clock in and runs one part."""

from card.domain.entropy import SystemEntropy
from terminal.card_dump import main_dump
from terminal.card_read import main_read


def card_read(argv: list[str]) -> int:
    """`onecard card read`."""
    return main_read(argv, SystemEntropy())


def card_dump(argv: list[str]) -> int:
    """`onecard card dump`."""
    return main_dump(argv)
