"""A secret on paper: lines of hexadecimal, each with its number and two check digits.

The check is MOD 97-10 of ISO/IEC 7064 over line number, digits and check digits, the letters A to F counting 10 to 15
in one place. 97 is prime and neither 15 nor 9 has it as a factor, so one wrong character and one exchange of
neighbours never go unnoticed, in the check digits too; the line number finds exchanged lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keys.ceremony.errors import LineError

BYTES_A_LINE: Final = 8
MAX_LINES: Final = 15
_MODULUS: Final = 97
_RADIX: Final = 10
_GROUP: Final = 4


def lines(secret: bytes) -> list[str]:
    """`1 0123 4567 89AB CDEF 34`, 8 bytes a line; the last may be shorter."""
    chunks = [secret[at : at + BYTES_A_LINE].hex().upper() for at in range(0, len(secret), BYTES_A_LINE)]
    if not 0 < len(chunks) <= MAX_LINES:
        raise ValueError("between 1 and 15 lines")
    return [_line(number, chunk) for number, chunk in enumerate(chunks, 1)]


def secret_of(typed: Sequence[str]) -> bytes:
    """Back from lines as typed, spaces and case not minded. LineError names the first wrong one."""
    if not typed:
        raise LineError(1, "no line")
    return b"".join(_checked(number, line) for number, line in enumerate(typed, 1))


def _line(number: int, digits: str) -> str:
    check = (1 - _value(f"{number:X}{digits}00")) % _MODULUS
    groups = " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
    return f"{number:X} {groups} {check:02d}"


def _value(symbols: str) -> int:
    total = 0
    for symbol in symbols:
        total = (total * _RADIX + int(symbol, 16)) % _MODULUS
    return total


def _checked(number: int, line: str) -> bytes:
    symbols = "".join(line.split()).upper()
    if len(symbols) < 5 or len(symbols) % 2 == 0 or len(symbols) > 3 + 2 * BYTES_A_LINE:
        raise LineError(number, "too short or too long")
    if set(symbols) - set("0123456789ABCDEF") or not symbols[-2:].isdecimal():
        raise LineError(number, "a character that cannot be there")
    if _value(symbols) != 1:
        raise LineError(number, "check digits")
    if int(symbols[0], 16) != number:
        raise LineError(number, f"this is line {int(symbols[0], 16)}")
    return bytes.fromhex(symbols[1:-2])
