"""Parts of a key, components and shares alike, and what may be said about them in public."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal

from card.domain.entropy import Entropy
from keys.algorithms.sm3 import sm3
from keys.ceremony import shares
from keys.ceremony.errors import CustodyCardError, PartError, QuorumError
from keys.ceremony.plan import Scheme
from keys.kcv import kcv
from keys.well_known import refuse_well_known

_TAG: Final = b"onecard ceremony part 1"
_MAGIC: Final = b"OCP1"
Kind = Literal["components", "shares"]


@dataclass(frozen=True, slots=True)
class Part:
    """One holder's part of one key. `number` counts from 1; the value does not print."""

    ceremony: str
    label: str
    version: int
    number: int
    value: bytes

    def __repr__(self) -> str:
        return f"Part({self.ceremony} {self.label}.v{self.version} no. {self.number})"

    @property
    def commitment(self) -> bytes:
        """SM3 over what the part is and its value: public and binding; a part is too random to be guessed."""
        return sm3(_TAG + self.to_bytes())

    def to_bytes(self) -> bytes:
        """What a card's slot holds: fields with a length byte before each. At most 255 bytes."""
        fields = (self.ceremony.encode(), self.label.encode(), bytes((self.version, self.number)), self.value)
        return _MAGIC + b"".join(bytes((len(field),)) + field for field in fields)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Part:
        """CustodyCardError when a slot holds something else."""
        fields, at = [], len(_MAGIC)
        while at < len(raw):
            fields.append(raw[at + 1 : at + 1 + raw[at]])
            at += 1 + raw[at]
        if not raw.startswith(_MAGIC) or at != len(raw) or len(fields) != 4 or len(fields[2]) != 2:
            raise CustodyCardError("the slot does not hold a part of a key")
        ceremony, label, numbers, value = fields
        version, number = numbers
        return cls(ceremony.decode("utf-8", "replace"), label.decode("utf-8", "replace"), version, number, value)

    def check(self, commitment: bytes) -> None:
        """PartError unless this is the part that was given out."""
        if not hmac.compare_digest(self.commitment, commitment):
            raise PartError(f"{self.label} no. {self.number}")


def make_key(scheme: Scheme, length: int, label: str, entropy: Entropy) -> tuple[bytes, list[bytes]]:
    """A new key of `length` bytes and the values of its parts. WellKnownKeyError, though chance will not do that.

    Components: as many full-length random strings, and their XOR is the key; no one of them is worked out from the
    others. Shares: a random key, split.
    """
    if scheme.kind == "components":
        values = [entropy.token(length) for _ in range(scheme.parts)]
        for value in values:
            refuse_well_known(value, f"component of {label}")
        key = xor(values)
    else:
        key = entropy.token(length)
        values = shares.split(key, scheme.need, scheme.parts, entropy)
    refuse_well_known(key, label)
    return key, values


def join(scheme: Scheme, values: Sequence[bytes]) -> bytes:
    """The key of enough parts. QuorumError below the policy, PartError when they do not belong together."""
    if len(values) < scheme.need:
        raise QuorumError(f"{len(values)} parts, {scheme.need} are needed")
    return xor(values) if scheme.kind == "components" else shares.combine(values)


def xor(values: Sequence[bytes]) -> bytes:
    """All values of one length, bit by bit. PartError."""
    if len({len(value) for value in values}) != 1:
        raise PartError("components of different lengths")
    return reduce(lambda left, right: bytes(a ^ b for a, b in zip(left, right, strict=True)), values)


def check_value(kind: Kind, algorithm: str, part: Part) -> str:
    """What people compare, 6 hex digits: the KCV of a component, the first 3 bytes of the commitment of a share."""
    return (kcv(algorithm, part.value) if kind == "components" else part.commitment[:3]).hex().upper()
