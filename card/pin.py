"""The holder's PIN: digits that never print themselves."""

from dataclasses import dataclass

from card.errors import PinFormatError

MIN_DIGITS = 4  # 2 to 6 BCD bytes on the card (card §4.2, B)
MAX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Pin:
    """4 to 12 digits; PinFormatError otherwise. `repr` and `str` show nothing."""

    digits: str

    def __post_init__(self) -> None:
        if not (self.digits.isascii() and self.digits.isdigit() and MIN_DIGITS <= len(self.digits) <= MAX_DIGITS):
            raise PinFormatError(f"a PIN is {MIN_DIGITS} to {MAX_DIGITS} digits")

    @property
    def bcd(self) -> bytes:
        """Two digits a byte; an odd digit count is filled with F (card §2.1 VERIFY)."""
        return bytes.fromhex(self.digits + "F" * (len(self.digits) % 2))

    def block(self, length: int = 16) -> bytes:
        """The PIN as key value: BCD, filled with FF (card §3.1)."""
        return self.bcd + b"\xff" * (length - len(self.bcd))

    def __repr__(self) -> str:
        return "Pin(******)"

    __str__ = __repr__
