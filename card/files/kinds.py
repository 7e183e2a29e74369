"""Kinds of files a profile may declare (card §1.2) and what stands in them. Frozen; no bytes of any person."""

from dataclasses import dataclass
from typing import TypeAlias

FORMATS = ("an", "cn", "b", "date", "time", "datetime", "dec", "hex")
# How a record is put together: simple TLV with B-TLV items inside, BER TLV (a bank application's template 70),
# or identifier 2 ‖ length 1 ‖ fields without tags (the purse's composite records, keys-and-purse §1.2).
FORMS = ("tlv", "ber", "composite")
CONFIDENCES = ("A", "B", "C")
KINDS = ("ssc", "purse", "psam", "bank")
PROTOCOLS = ("T=0", "T=1", "T=CL")


@dataclass(frozen=True, slots=True)
class Example:
    """A value as people write it and the bytes it must become; a record's hex includes tag and length.

    `rest` is the one byte that fills a long field after `hex`: a photo is not written out in full.
    """

    value: str
    hex: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """`length` bytes in `format` (card §1.3); the value is str, or bytes for `b`, or int for `dec` and `hex`.

    `confidence` is that of place, format and length; the meaning may be less sure: `name_confidence`.
    """

    name: str
    zh: str
    en: str
    format: str
    length: int
    confidence: str
    example: Example | None = None
    name_confidence: str = ""


@dataclass(frozen=True, slots=True)
class Item(Field):
    """A part of a constructed record, itself perhaps constructed. Tag 0: it has none (composite records)."""

    tag: int = 0
    items: tuple["Item", ...] = ()


@dataclass(frozen=True, slots=True)
class RecordField(Field):
    """One record of a record file: `header ‖ value`, `no` by order of creation.

    `length` is that of the value. With `items` the value is constructed and its parts are found by name; names are
    unique within a record. Several records may carry one tag; their names differ. `read` overrides the file's rule.
    """

    no: int = 0
    tag: int = 0
    form: str = "tlv"
    items: tuple[Item, ...] = ()
    read: "Access | None" = None

    @property
    def header(self) -> bytes:
        """What stands before the value: tag and length in the manner of `form`."""
        if self.form == "composite":
            return self.tag.to_bytes(2, "big") + bytes([self.length])
        return tlv_header(self.tag, self.length, self.form)

    @property
    def size(self) -> int:
        """Bytes of the whole record, header included: the Le that reads it."""
        return len(self.header) + self.length


def tlv_header(tag: int, length: int, form: str) -> bytes:
    """Tag and length of a TLV: one byte each, or BER (tags of two bytes, lengths with an 81 before them)."""
    if form != "ber":
        return bytes([tag, length])
    head = tag.to_bytes(2, "big") if tag > 0xFF else bytes([tag])
    return head + (bytes([length]) if length < 0x80 else bytes([0x81, length]))


@dataclass(frozen=True, slots=True)
class Access:
    """One access condition: any of the alternatives, each of which asks for all of its proofs.

    Proofs: `pin`, `key:NAME` (EXTERNAL AUTHENTICATION), `mac:NAME` (protected command), `enc:NAME` (one that is
    enciphered too), `cos` (written by the card itself), `capp` (only inside a compound purchase). No alternative at all
    means forbidden; an empty one, free.
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
            if kind not in ("pin", "key", "mac", "enc", "cos", "capp") or (kind in ("key", "mac", "enc")) != bool(name):
                raise ValueError(f"unknown access proof {proof!r}")
        return cls(text, alternatives)

    @property
    def free(self) -> bool:
        return () in self.any_of

    def keys(self) -> frozenset[str]:
        """Names of the keys the condition speaks of."""
        proofs = (proof.partition(":") for group in self.any_of for proof in group)
        return frozenset(name for kind, _, name in proofs if kind in ("key", "mac", "enc"))

    def asks_for(self, key: str) -> bool:
        """True when the key of that name is in one of the alternatives."""
        return key in self.keys()

    def joined(self, other: "Access") -> "Access":
        """This rule and `other` together."""
        if self.free or self == other:
            return other
        if other.free:
            return self
        both = tuple(tuple(dict.fromkeys((*one, *two))) for one in self.any_of for two in other.any_of)
        return Access("|".join("+".join(group) for group in both) or "forbidden", both)

    def satisfied_by(self, proofs: frozenset[str]) -> bool:
        """True when one alternative is wholly among `proofs`."""
        return self.free or any(proofs.issuperset(group) for group in self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ef:
    """What every elementary file has. `fid` is two bytes; `sfi` its low five bits (card §1.1, A).

    `personalised`: the issuer fills it when the card is made; other files wait blank for the office that keeps them.
    """

    dir: str
    fid: bytes
    sfi: int
    name_zh: str
    name_en: str
    read: Access
    write: Access
    confidence: str
    personalised: bool = True

    @property
    def path(self) -> str:
        return f"{self.dir}/{self.fid.hex().upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEf(Ef):
    """Variable-length records; `form` says how each is put together."""

    records: tuple[RecordField, ...]
    form: str = "tlv"

    def by_tag(self, reference: str) -> RecordField:
        """`43` (the first of that tag) or `43:02` (the second; card §1.2). LookupError when there is none."""
        tag, _, nth = reference.partition(":")
        try:
            wanted, place = int(tag, 16), int(nth or "1", 10) - 1
        except ValueError:
            raise LookupError(f"{reference!r} is not a tag") from None
        same = [item for item in self.records if item.tag == wanted]
        if not 0 <= place < len(same):
            raise LookupError(f"{self.path} has no record {reference}")
        return same[place]

    def reference(self, record: RecordField) -> str:
        """The tag of a record as people write it: `08`, or `43:02` where the tag repeats."""
        same = [item.no for item in self.records if item.tag == record.tag]
        text = f"{record.tag:02X}"
        return text if len(same) == 1 else f"{text}:{same.index(record.no) + 1:02d}"

    def by_number(self, record: RecordField) -> bool:
        """True when the wire knows the record by its number only: its tag repeats, or the file is BER."""
        return self.form == "ber" or sum(item.tag == record.tag for item in self.records) > 1

    def read_of(self, record: RecordField) -> Access:
        """The rule for reading one record: its own, else the file's."""
        return record.read or self.read

    @property
    def read_all(self) -> Access:
        """The rule for reading every record: 3.00 hides one record of a file that is free else (card §1.14)."""
        rule = self.read
        for record in self.records:
            rule = rule.joined(record.read) if record.read is not None else rule
        return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class TransparentEf(Ef):
    """One run of `size` bytes cut into fields."""

    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclicEf(Ef):
    """`capacity` records of `size` bytes, the newest is record 1."""

    size: int
    capacity: int
    fields: tuple[Field, ...]


AnyEf: TypeAlias = RecordEf | TransparentEf | CyclicEf


@dataclass(frozen=True, slots=True)
class Dir:
    """A directory file. `fci_file` names the file whose bytes SELECT returns in tag 9F0C; `fci` is what A5 holds."""

    name: str
    fid: bytes
    confidence: str
    aid: bytes = b""
    parent: str = ""
    fci_version: bytes = b""
    fci_file: str = ""
    fci: bytes = b""
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key of the chip by name. Card kid, PSAM kid and HSM address are three different things (card §3.5).

    `versions` are those that stand side by side on the card (KEY_VER1..3), lowest first; without an answer to which,
    the card takes the lowest. The columns may be known unequally well: `psam_confidence`, `hsm_confidence`.
    """

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
    versions: tuple[int, ...] = ()
    psam_confidence: str = ""
    hsm_confidence: str = ""

    @property
    def all_versions(self) -> tuple[int, ...]:
        """Every version the card holds, lowest first."""
        return self.versions or (self.version,)


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
    overdraft_limit: int = 0  # fen; shown, never used by this project's cards
