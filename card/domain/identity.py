"""Numbers that name a person, a card, an issuer, a place: parsed once, check digits once, `repr` masks."""

from dataclasses import dataclass
from datetime import date
from enum import Enum


class IdentityFormatError(ValueError):
    """A number that cannot be one: wrong length, alphabet or check character. Carries no value."""

    code = "E-ID-FMT"


# GB 11714 weights as used for the nine-character card number (card §1.11, A).
CARD_NUMBER_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
# GB 11643 weights and check characters of the citizen number (card §5, A).
CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CITIZEN_CHECKS = "10X98765432"
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def card_number_check(body: str) -> str:
    """Check character of the eight body characters (GB 11714 rule; 10 -> X, 11 -> 0)."""
    if len(body) != 8 or any(ch not in ALPHANUMERIC for ch in body):
        raise IdentityFormatError("card number body must be eight of 0-9 A-Z")
    total = sum(w * ALPHANUMERIC.index(ch) for w, ch in zip(CARD_NUMBER_WEIGHTS, body, strict=True))
    value = 11 - total % 11
    return {10: "X", 11: "0"}.get(value, str(value))


@dataclass(frozen=True, slots=True)
class CardNumber:
    """卡号: eight characters and a check character."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) != 9 or card_number_check(self.text[:8]) != self.text[8]:
            raise IdentityFormatError("card number fails its check character")

    def __repr__(self) -> str:
        return f"CardNumber({self.text[:2]}*****{self.text[-2:]})"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class CardId:
    """卡的识别码: 16 bytes, region 3 ‖ RID 5 ‖ serial 4 ‖ MAC 4 (card §1.10)."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 16:
            raise IdentityFormatError("card id is 16 bytes")

    @classmethod
    def parse(cls, text: str) -> "CardId":
        try:
            return cls(bytes.fromhex(text))
        except ValueError as bad:
            raise IdentityFormatError("card id is 32 hex digits") from bad

    @property
    def region(self) -> str:
        return self.raw[:3].hex()

    @property
    def serial(self) -> bytes:
        return self.raw[8:12]

    @property
    def hex(self) -> str:
        return self.raw.hex()

    def __repr__(self) -> str:
        return f"CardId({self.hex[:6]}…{self.hex[-8:]})"


@dataclass(frozen=True, slots=True)
class CitizenId:
    """18-character citizen number (GB 11643); also the social security number of a citizen."""

    text: str

    def __post_init__(self) -> None:
        body, check = self.text[:17], self.text[17:]
        if len(self.text) != 18 or not (body.isascii() and body.isdigit()):
            raise IdentityFormatError("citizen number is 17 digits and a check character")
        total = sum(w * int(d) for w, d in zip(CITIZEN_WEIGHTS, body, strict=True))
        if CITIZEN_CHECKS[total % 11] != check:
            raise IdentityFormatError("citizen number fails its check character")
        self._birth()

    def _birth(self) -> date:
        try:
            return date(int(self.text[6:10]), int(self.text[10:12]), int(self.text[12:14]))
        except ValueError:
            raise IdentityFormatError("citizen number holds no calendar date") from None

    @property
    def birth_date(self) -> date:
        return self._birth()

    @property
    def sex(self) -> str:
        """'1' male (17th digit odd), '2' female."""
        return "1" if int(self.text[16]) % 2 else "2"

    @property
    def region(self) -> str:
        return self.text[:6]

    def masked(self) -> str:
        """First three and last four, for a screen (business-rules §10)."""
        return f"{self.text[:3]}***********{self.text[-4:]}"

    def __repr__(self) -> str:
        return f"CitizenId({self.masked()})"

    def __str__(self) -> str:
        return self.masked()


class IdType(Enum):
    """Kinds of identity document (business-rules §2.2, B)."""

    CITIZEN = "01"
    OFFICER = "02"
    ARMED_POLICE = "03"
    HONG_KONG = "04"
    MACAU = "05"
    TAIWAN = "06"
    FOREIGN_PERMANENT = "07"
    FOREIGN_PASSPORT = "08"


@dataclass(frozen=True, slots=True)
class RegionCode:
    """Six digits of GB/T 2260."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) != 6 or not (self.text.isascii() and self.text.isdigit()):
            raise IdentityFormatError("region code is six digits")

    @property
    def bcd(self) -> bytes:
        return bytes.fromhex(self.text)

    @property
    def city_factor(self) -> bytes:
        """First-level diversification factor: six ASCII digits ‖ `sx` (card §3.2, A)."""
        return self.text.encode() + b"\x73\x78"


@dataclass(frozen=True, slots=True)
class IssuerId:
    """Purse issuer, 8 bytes of file 0015 (keys-and-purse §1.2)."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 8:
            raise IdentityFormatError("issuer id is 8 bytes")


@dataclass(frozen=True, slots=True)
class PurseNumber:
    """ASN: the last 8 of the 10 serial bytes of file 0015, 16 BCD digits; names one purse."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 8:
            raise IdentityFormatError("purse number is 8 bytes")

    @property
    def digits(self) -> str:
        return self.raw.hex()

    def __repr__(self) -> str:
        return f"PurseNumber(…{self.digits[-6:]})"


def mask_name(name: str) -> str:
    """Surname and stars, for a screen (business-rules §10)."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else ""
