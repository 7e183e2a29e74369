"""Who may sign codes: the facts bundle of kind `trust`.

Entries are objects with a `type`: `root` (index, service, expiry MMYY, key of 64 bytes hex) and `distrust` (issuer id,
certificate serial or "" for every certificate of that issuer). An unknown type refuses the whole bundle: skipping a
revocation that one does not understand would be worse than asking for an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keys.algorithms.sm2 import Sm2PublicKey
from keys.errors import FactsFormatError, FactsKindError, PublicKeyError
from keys.facts import Bundle, FactsHeader

KIND: Final = "trust"


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root of the code PKI. `service` is 8 hex digits, `expiry` MMYY (valid to the end of the month)."""

    index: int
    service: str
    expiry: str
    key: Sm2PublicKey

    def to_entry(self) -> dict[str, object]:
        return {
            "type": "root",
            "index": self.index,
            "service": self.service,
            "expiry": self.expiry,
            "key": self.key.raw().hex(),
        }


@dataclass(frozen=True, slots=True)
class Distrust:
    """An issuer certificate that is no longer believed; `serial` "" means all of this issuer."""

    issuer_id: str
    serial: str = ""

    def to_entry(self) -> dict[str, object]:
        return {"type": "distrust", "issuer": self.issuer_id, "serial": self.serial}


@dataclass(frozen=True)
class TrustList:
    """Roots and distrusted certificates of one bundle version."""

    roots: Mapping[tuple[str, int], RootKey]
    distrusted: frozenset[Distrust]
    version: int = 0
    verified_issuers: dict[bytes, Sm2PublicKey] = field(default_factory=dict, repr=False, compare=False)
    """Issuer certificates (117 bytes) whose root signature held under this very list: checked once, not per scan."""

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> TrustList:
        """From an opened bundle. FactsKindError, FactsFormatError."""
        if bundle.header.kind != KIND:
            raise FactsKindError(f"got {bundle.header.kind}, wanted {KIND}")
        if bundle.header.base:
            raise FactsFormatError("trust lists are always whole")
        return cls.from_entries(bundle.entries, bundle.header.version)

    @classmethod
    def from_entries(cls, entries: object, version: int = 0) -> TrustList:
        """From the `entries` of a bundle. FactsFormatError."""
        if not isinstance(entries, list):
            raise FactsFormatError("trust entries must be a list")
        roots = [_root(row) for row in entries if _type(row) == "root"]
        distrusted = frozenset(_distrust(row) for row in entries if _type(row) == "distrust")
        by_index = {(root.service, root.index): root for root in roots}
        if len(by_index) != len(roots):
            raise FactsFormatError("two roots share an index")
        return cls(by_index, distrusted, version)

    def trusts_issuer(self, issuer_id: str, serial: str) -> bool:
        """False when this certificate, or every certificate of its issuer, is distrusted."""
        return not ({Distrust(issuer_id), Distrust(issuer_id, serial)} & self.distrusted)


def trust_header(region: str, version: int, issued_at: int, max_age_s: int) -> FactsHeader:
    """Header of a trust bundle (always whole)."""
    return FactsHeader(KIND, region, version, issued_at, max_age_s)


def _type(row: object) -> str:
    kind = row.get("type") if isinstance(row, Mapping) else None
    if kind not in ("root", "distrust"):
        raise FactsFormatError("unknown type of trust entry")
    return str(kind)


def _root(row: Mapping[str, Any]) -> RootKey:
    try:
        key = Sm2PublicKey.from_bytes(bytes.fromhex(row["key"]))
        root = RootKey(int(row["index"]), str(row["service"]).lower(), str(row["expiry"]), key)
    except (KeyError, ValueError, TypeError, PublicKeyError) as error:
        raise FactsFormatError("a root entry is malformed") from error
    if not (len(root.expiry) == 4 and root.expiry.isdigit() and 1 <= int(root.expiry[:2]) <= 12):
        raise FactsFormatError("a root's expiry is MMYY")
    return root


def _distrust(row: Mapping[str, Any]) -> Distrust:
    issuer, serial = row.get("issuer"), row.get("serial", "")
    if not isinstance(issuer, str) or not isinstance(serial, str) or not issuer:
        raise FactsFormatError("a distrust entry is malformed")
    return Distrust(issuer.lower(), serial.lower())
