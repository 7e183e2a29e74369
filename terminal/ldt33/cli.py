"""The command of the standard terminal functions: hands the real chance in."""

from card.domain.entropy import SystemEntropy
from terminal.ldt33.console import run


def ldt33(argv: list[str]) -> int:
    """`onecard ldt33`."""
    return run(argv, SystemEntropy())
