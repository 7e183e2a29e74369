"""Key stores as ports, split by what a store can do, and the key type that does not print itself.

A store is asked to *use* a key named by a `KeyRef` (a master's label and the factors down to one card); only
`Derives` lets a derived card key out, because personalisation of this release wraps it outside. A PKCS#11 token
without a vendor function can sign, MAC and wrap but cannot fold a TAC key (keys-and-purse §6.1).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from card.secure_messaging import LineKey
from keys.algorithms.sm2 import Sm2PublicKey
from keys.errors import KeysError
from keys.kcv import kcv


class SecretKey:
    """A symmetric key in memory. Shows its label and check value, never its bytes; `reveal()` is the one way out."""

    __slots__ = ("_value", "algorithm", "label")

    def __init__(self, value: bytes, *, label: str, algorithm: str = "3des") -> None:
        self._value = bytes(value)
        self.label = label
        self.algorithm = algorithm

    def reveal(self) -> bytes:
        """The key's bytes: to load it into a chip or to compute with it. Never to print, log or store in the clear."""
        return self._value

    @property
    def kcv(self) -> bytes:
        """Key check value, 3 bytes, public."""
        return kcv(self.algorithm, self._value)

    def __repr__(self) -> str:
        return f"SecretKey({self.label}, kcv={self.kcv.hex()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretKey) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((self.label, self.kcv))

    def __reduce__(self) -> NoReturn:
        raise KeysError("a secret key does not leave its process by pickling")


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A key by name: master `label`, then diversification factors of 8 bytes, nearest to the root first."""

    label: str
    factors: tuple[bytes, ...] = ()
    version: int = 1

    def at(self, *factors: bytes) -> KeyRef:
        """The key that many levels further down."""
        return KeyRef(self.label, self.factors + factors, self.version)

    def __str__(self) -> str:
        return "/".join([f"{self.label}.v{self.version}", *(factor.hex() for factor in self.factors)])


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be said about a stored key."""

    label: str
    version: int
    usage: str
    algorithm: str
    family: str
    levels: int
    kcv: bytes
    parent: str = ""


class Signs(Protocol):
    def sign(self, label: str, message: bytes) -> bytes:
        """SM2 signature r || s by the key `label`; UnknownKeyError."""
        ...

    def public_key(self, label: str) -> Sm2PublicKey:
        """Its public half; UnknownKeyError."""
        ...


class Macs(Protocol):
    def purse_mac(self, ref: KeyRef, session_input: bytes, data: bytes) -> bytes:
        """4 bytes: session key from `session_input` (8 bytes), then the purse MAC over `data`."""
        ...

    def tac(self, ref: KeyRef, data: bytes) -> bytes:
        """4 bytes: TAC over `data` under the folded key (3DES) or the whole one (SM4)."""
        ...

    def line(self, ref: KeyRef) -> LineKey:
        """The key as the line key of protected commands: MAC and encryption inside the store, by its own family."""
        ...

    def authenticate(self, ref: KeyRef, process: bytes, original: bytes) -> bytes:
        """8 bytes: cryptogram of internal or external authentication."""
        ...

    def hmac_sm3(self, label: str, data: bytes) -> bytes:
        """32 bytes."""
        ...


class Derives(Protocol):
    def derive(self, ref: KeyRef) -> SecretKey:
        """The key itself, outside the store. Only for loading it into a chip."""
        ...


class Wraps(Protocol):
    def wrap(self, ref: KeyRef, under: KeyRef, header: bytes) -> bytes:
        """3DES-ECB under `under` of Ld || header || key, padded 80.. if unaligned: the data of WRITE KEY."""
        ...


class ListsKeys(Protocol):
    def key_facts(self) -> Iterable[KeyFacts]:
        """Every master and signing key of the store, parents first."""
        ...


class KeyStore(Signs, Macs, Derives, Wraps, ListsKeys, Protocol):
    """A store with every capability."""
