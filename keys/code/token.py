"""Bytes of the offline three-level code and of its issuer certificate (qr-and-acceptance §2.2, A).

Nothing here decides: the classes cut bytes into fields and put fields together. Offsets are those of the table; `L` is
the length of the issuer-defined area.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from keys.algorithms.sm3 import sm3
from keys.code.errors import CodeError, CodeFault

FIRST_VERSION: Final = 0x80
CERTIFICATE_SIZE: Final = 117
FIXED_SIZE: Final = 332
MAX_AREA: Final = 32
SIGNATURE_SIZE: Final = 64
OUR_AREA_SIZE: Final = 12
OUR_AREA_FORMAT: Final = 0x01
_EPOCH_DAY: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class IssuerCertificate:
    """117 bytes; the root signs bytes 6..52 only, so service id and root index choose a key but are not protected."""

    raw: bytes

    @property
    def head(self) -> int:
        return self.raw[0]

    @property
    def service_id(self) -> str:
        return self.raw[1:5].hex()

    @property
    def root_index(self) -> int:
        return self.raw[5]

    @property
    def format(self) -> int:
        return self.raw[6]

    @property
    def issuer_id(self) -> str:
        """BCD, 8 digits."""
        return self.raw[7:11].hex()

    @property
    def expiry(self) -> str:
        """MMYY, valid to the end of the month."""
        return self.raw[11:13].hex()

    @property
    def serial(self) -> str:
        return self.raw[13:16].hex()

    @property
    def algorithms(self) -> bytes:
        """Signature algorithm, encryption algorithm, curve, key length."""
        return self.raw[16:20]

    @property
    def public_key(self) -> bytes:
        """Compressed point, 33 bytes."""
        return self.raw[20:53]

    @property
    def signature(self) -> bytes:
        return self.raw[53:117]

    @property
    def signed_part(self) -> bytes:
        """The 47 bytes the root signs."""
        return self.raw[6:53]


@dataclass(frozen=True, slots=True)
class IssuerArea:
    """Our 12 issuer-defined bytes: 01 || catalogue version 2 || entitlement bits 4 || valid-to 2 || RFU 3.

    `valid_to_days` counts days since 1970-01-01; the entitlements hold through that day in Hainan. No birth date and
    no citizen number is in a code.
    """

    catalogue_version: int
    entitlements: int
    valid_to_days: int

    def to_bytes(self) -> bytes:
        body = self.catalogue_version.to_bytes(2) + self.entitlements.to_bytes(4) + self.valid_to_days.to_bytes(2)
        return bytes([OUR_AREA_FORMAT]) + body + bytes(3)

    @classmethod
    def parse(cls, area: bytes) -> IssuerArea | None:
        """None for an area that is not ours."""
        if len(area) != OUR_AREA_SIZE or area[0] != OUR_AREA_FORMAT:
            return None
        return cls(int.from_bytes(area[1:3]), int.from_bytes(area[3:7]), int.from_bytes(area[7:9]))

    @property
    def valid_to(self) -> date:
        return _EPOCH_DAY + timedelta(days=self.valid_to_days)

    def on(self, day: date) -> int:
        """Entitlement bits that hold on `day` (a business date); 0 after the valid-to day."""
        return self.entitlements if day <= self.valid_to else 0


def days_since_1970(day: date) -> int:
    """The number an area carries for `day`."""
    return (day - _EPOCH_DAY).days


@dataclass(frozen=True, slots=True)
class OfflineCode:
    """A code cut into fields. Times are seconds of the code's own epoch."""

    raw: bytes = field(repr=False)
    area_length: int

    @classmethod
    def parse(cls, raw: bytes) -> OfflineCode:
        """Checks 1 and 2: first byte, total length, length field, area length. Raises CodeError."""
        if not raw or raw[0] < FIRST_VERSION:
            raise CodeError(CodeFault.KIND, 1)
        if not FIXED_SIZE <= len(raw) <= FIXED_SIZE + MAX_AREA:
            raise CodeError(CodeFault.LENGTH, 1)
        area_length = raw[197]
        if int.from_bytes(raw[1:3]) != len(raw) - 3 or area_length > MAX_AREA or len(raw) != FIXED_SIZE + area_length:
            raise CodeError(CodeFault.STRUCTURE, 2)
        return cls(raw, area_length)

    @property
    def certificate(self) -> IssuerCertificate:
        return IssuerCertificate(self.raw[3:120])

    @property
    def payment_account(self) -> bytes:
        """16 bytes; ours is a pseudonym of the holder."""
        return self.raw[120:136]

    @property
    def card_account(self) -> str:
        """20 hex characters: 19 digits and a pad."""
        return self.raw[136:146].hex()

    @property
    def card_issuer(self) -> str:
        return self.raw[146:150].hex()

    @property
    def platform(self) -> str:
        return self.raw[150:154].hex()

    @property
    def account_type(self) -> int:
        return self.raw[154]

    @property
    def single_limit_fen(self) -> int:
        return int.from_bytes(self.raw[155:158])

    @property
    def user_key(self) -> bytes:
        """Compressed point, 33 bytes."""
        return self.raw[158:191]

    @property
    def authorisation_expiry(self) -> int:
        return int.from_bytes(self.raw[191:195])

    @property
    def validity_s(self) -> int:
        return int.from_bytes(self.raw[195:197])

    @property
    def area(self) -> bytes:
        return self.raw[198 : 198 + self.area_length]

    @property
    def issuer_tag(self) -> int:
        return self.raw[198 + self.area_length]

    @property
    def issuer_signature(self) -> bytes:
        start = 199 + self.area_length
        return self.raw[start : start + SIGNATURE_SIZE]

    @property
    def issuer_signed(self) -> bytes:
        """Bytes [3, 198+L)."""
        return self.raw[3 : 198 + self.area_length]

    @property
    def generated(self) -> int:
        start = 263 + self.area_length
        return int.from_bytes(self.raw[start : start + 4])

    @property
    def user_tag(self) -> int:
        """The one byte no signature covers."""
        return self.raw[267 + self.area_length]

    @property
    def user_signature(self) -> bytes:
        return self.raw[268 + self.area_length :]

    @property
    def user_signed(self) -> bytes:
        """Bytes [0, 267+L)."""
        return self.raw[: 267 + self.area_length]

    @property
    def replay_key(self) -> bytes:
        """SM3 of the signed body: never of the whole code, whose last tag and signature can change."""
        return sm3(self.user_signed)

    @property
    def replay_pair(self) -> tuple[str, int]:
        """(card account number, generation time): one presentation, whatever else the code says."""
        return self.card_account[:19], self.generated


# Names and ends of the fields, for a page that colours the bytes; an end of None depends on the area length.
FIELDS: Final[tuple[tuple[str, int, int], ...]] = (
    ("version", 0, 1),
    ("length", 1, 3),
    ("issuer certificate", 3, 120),
    ("payment account", 120, 136),
    ("card account", 136, 146),
    ("card issuer", 146, 150),
    ("platform", 150, 154),
    ("account type", 154, 155),
    ("single-trip limit", 155, 158),
    ("user public key", 158, 191),
    ("authorisation expiry", 191, 195),
    ("validity", 195, 197),
    ("area length", 197, 198),
)


def field_spans(code: OfflineCode) -> tuple[tuple[str, int, int], ...]:
    """(name, start, end) of every field of this code, without gaps."""
    end = 198 + code.area_length
    tail = (
        ("issuer area", 198, end),
        ("issuer signature tag", end, end + 1),
        ("issuer signature", end + 1, end + 65),
        ("generation time", end + 65, end + 69),
        ("user signature tag", end + 69, end + 70),
        ("user signature", end + 70, end + 134),
    )
    return FIELDS + tail
