"""Money is an integer number of fen; there is no way to make one from a float."""

from decimal import ROUND_HALF_UP, Decimal


class Fen(int):
    """An amount in fen (0.01 yuan). Negative amounts exist only inside ledgers.

    >>> Fen(200) + Fen(5)
    Fen(205)
    """

    __slots__ = ()

    def __new__(cls, value: int) -> "Fen":
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("fen must be an integer")
        return super().__new__(cls, value)

    def __add__(self, other: int) -> "Fen":
        return Fen(int(self) + _whole(other))

    def __radd__(self, other: int) -> "Fen":
        return Fen(_whole(other) + int(self))

    def __sub__(self, other: int) -> "Fen":
        return Fen(int(self) - _whole(other))

    def __neg__(self) -> "Fen":
        return Fen(-int(self))

    def __repr__(self) -> str:
        return f"Fen({int(self)})"

    def percent(self, rate: int) -> "Fen":
        """`rate` percent of this amount, rounded half up to the fen (contract §5: 85 % fares)."""
        return Fen(int((Decimal(int(self)) * Decimal(rate) / 100).to_integral_value(ROUND_HALF_UP)))

    def yuan(self) -> str:
        """Two decimals with a sign, for people: `12.30`."""
        sign = "-" if self < 0 else ""
        return f"{sign}{abs(int(self)) // 100}.{abs(int(self)) % 100:02d}"

    def to_bytes4(self) -> bytes:
        """Four bytes big-endian, as in purse commands; ValueError outside 0..2^31-1 (bit 31 is a flag on some)."""
        if not 0 <= self < 1 << 31:
            raise ValueError("purse amount out of range")
        return int(self).to_bytes(4, "big")


def _whole(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("fen and integers only")
    return int(value)


ZERO = Fen(0)


def parse_yuan(text: str) -> Fen:
    """`"12.30"` -> Fen(1230). ValueError when the text is not an amount with at most two decimals."""
    whole, _, cents = text.strip().partition(".")
    if not whole.isascii() or not whole.isdigit() or len(cents) > 2 or (cents and not cents.isdigit()):
        raise ValueError("not an amount in yuan")
    return Fen(int(whole) * 100 + int((cents + "00")[:2]))
