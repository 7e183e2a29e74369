"""Kinds of files a profile may declare (card §1.2) and what stands in them. Frozen; no bytes of any person."""

from dataclasses import dataclass
from typing import TypeAlias

FORMATS = ("an", "cn", "b", "date", "time", "datetime", "dec", "hex")
CONFIDENCES = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class Example:
    """A value as people write it and the bytes it must become; a record's hex includes tag and length."""

    value: str
    hex: str


@dataclass(frozen=True, slots=True)
class Field:
    """`length` bytes in `format` (card §1.3); the value is str, or bytes for `b`, or int for `dec` and `hex`."""

    name: str
    zh: str
    en: str
    format: str
    length: int
    confidence: str
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class RecordField(Field):
    """One record of a variable-length record file: simple TLV `tag ‖ length ‖ value`, `no` by order of creation."""

    no: int = 0
    tag: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """One access condition: any of the alternatives, each of which asks for all of its proofs.

    Proofs: `pin`, `key:NAME` (EXTERNAL AUTHENTICATION), `mac:NAME` (protected command), `cos` (written by the card
    itself), `capp` (only inside a compound purchase). No alternative at all means forbidden; an empty one, free.
    """

    text: str
    any_of: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "Access":
        """`free`, `forbidden`, or proofs joined by `+` (all) and `|` (any); ValueError for an unknown proof."""
        if text == "forbidden":
            return cls(text, ())
        if text == "free":
            return cls(text, ((),))
        alternatives = tuple(tuple(part.split("+")) for part in text.split("|"))
        for proof in (proof for group in alternatives for proof in group):
            kind, _, name = proof.partition(":")
            if kind not in ("pin", "key", "mac", "cos", "capp") or (kind in ("key", "mac")) != bool(name):
                raise ValueError(f"unknown access proof {proof!r}")
        return cls(text, alternatives)

    @property
    def free(self) -> bool:
        return () in self.any_of

    def keys(self) -> frozenset[str]:
        """Names of the keys the condition speaks of."""
        proofs = (proof.partition(":") for group in self.any_of for proof in group)
        return frozenset(name for kind, _, name in proofs if kind in ("key", "mac"))

    def satisfied_by(self, proofs: frozenset[str]) -> bool:
        """True when one alternative is wholly among `proofs`."""
        return any(proofs.issuperset(group) for group in self.any_of)


@dataclass(frozen=True, slots=True)
class Ef:
    """What every elementary file has. `fid` is two bytes; `sfi` its low five bits (card §1.1, A)."""

    dir: str
    fid: bytes
    sfi: int
    name_zh: str
    name_en: str
    read: Access
    write: Access
    confidence: str

    @property
    def path(self) -> str:
        return f"{self.dir}/{self.fid.hex().upper()}"


@dataclass(frozen=True, slots=True)
class RecordEf(Ef):
    """Variable-length records, each one simple TLV."""

    records: tuple[RecordField, ...]


@dataclass(frozen=True, slots=True)
class TransparentEf(Ef):
    """One run of `size` bytes cut into fields."""

    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class CyclicEf(Ef):
    """`capacity` records of `size` bytes, the newest is record 1."""

    size: int
    capacity: int
    fields: tuple[Field, ...]


AnyEf: TypeAlias = RecordEf | TransparentEf | CyclicEf


@dataclass(frozen=True, slots=True)
class Dir:
    """A directory file. `fci_file` names the file whose bytes SELECT returns in tag 9F0C."""

    name: str
    fid: bytes
    confidence: str
    aid: bytes = b""
    parent: str = ""
    fci_version: bytes = b""
    fci_file: str = ""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key of the chip by name. Card kid, PSAM kid and HSM address are three different things (card §3.5)."""

    name: str
    dir: str
    confidence: str
    version: int = 1
    type: int | None = None
    card_kid: int | None = None
    psam_kid: int | None = None
    usage: int | None = None
    hsm: str = ""
    tries: int = 3


@dataclass(frozen=True, slots=True)
class PurseEf:
    """The purse of a purse application: where it is and which of the declared dialects it speaks (contract §5)."""

    dir: str
    balance_p2: int
    balance_mask: int
    max_balance: int
    key_index: int
    load_needs_pin: bool
    prove_sequence: str
    prove_order: str
    init_answer_length: int
    log_sequence: str
    types: dict[str, int]
    confidence: str
