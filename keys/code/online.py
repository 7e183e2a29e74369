"""The online token: opaque text for a screen, valid 60 seconds, for one scan; only the server knows whose it is.

It holds nothing but chance and a check: 16 random bytes in base 32. The server stores `lookup_key`, never the token,
and binds the redemption to terminal and business type.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from card.domain.entropy import Entropy
from keys.algorithms.sm3 import sm3
from keys.code.errors import CodeError, CodeFault

PREFIX: Final = "OCT1"
LIFETIME_MS: Final = 60_000
VALUE_SIZE: Final = 16
CHECK_SIZE: Final = 4
BUSINESS_TYPES: Final = {"01": "enquiry", "02": "payment", "03": "other", "04": "cross-region medical"}


@dataclass(frozen=True, slots=True)
class OnlineToken:
    """One token; it does not print itself."""

    value: bytes

    @classmethod
    def new(cls, entropy: Entropy) -> OnlineToken:
        """A fresh token."""
        return cls(entropy.token(VALUE_SIZE))

    @classmethod
    def parse(cls, text: str) -> OnlineToken:
        """CodeError (TOKEN_FORM, check 1) unless `text` is what `text` writes."""
        try:
            body = base64.b32decode(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else b""
        except (binascii.Error, ValueError) as error:
            raise CodeError(CodeFault.TOKEN_FORM, 1) from error
        value, check = body[:VALUE_SIZE], body[VALUE_SIZE:]
        if len(value) != VALUE_SIZE or check != _check(value):
            raise CodeError(CodeFault.TOKEN_FORM, 1)
        return cls(value)

    @property
    def text(self) -> str:
        """36 characters of A-Z and 2-7: fits the alphanumeric mode of a QR code."""
        return PREFIX + base64.b32encode(self.value + _check(self.value)).decode()

    @property
    def lookup_key(self) -> bytes:
        """What the server stores and looks up, 32 bytes."""
        return sm3(b"onecard online token 1:" + self.value)

    def __repr__(self) -> str:
        return "OnlineToken(…)"


def expired(issued_ms: int, now_ms: int) -> bool:
    """More than 60 seconds after issue."""
    return not issued_ms <= now_ms <= issued_ms + LIFETIME_MS


def _check(value: bytes) -> bytes:
    return sm3(b"onecard online token check 1:" + value)[:CHECK_SIZE]
