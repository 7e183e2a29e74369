"""Signed, versioned facts bundles: hotlist, tariff, trust list, catalogue, policy (contract §3).

A bundle is `{"header": {v, kind, region, version, base, issued_at, max_age_s}, "entries": ..., "signature": hex}`. The
signature is SM2 by the facts key over `card.domain.envelope.facts_bytes`. A receiver refuses, each by its own name, a
bad shape, a bad signature, another kind, an older version, and a difference that does not build on what it holds.
Whether a bundle is too old for a scene is the caller's decision (`Bundle.expired`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from card.domain.envelope import facts_bytes
from card.domain.event import EventFormatError
from keys.algorithms.sm2 import Sm2PublicKey
from keys.errors import FactsBaseError, FactsFormatError, FactsKindError, FactsRollbackError, FactsSignatureError

FORMAT_VERSION: Final = 1
KINDS: Final = frozenset({"hotlist", "tariff", "trust", "catalogue", "policy"})


@dataclass(frozen=True, slots=True)
class FactsHeader:
    """`version` counts up by kind and region; `base` 0 means the whole list, else the version this one builds on.

    `issued_at` is ms UTC, `max_age_s` seconds.
    """

    kind: str
    region: str
    version: int
    issued_at: int
    max_age_s: int
    base: int = 0
    v: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature has been checked."""

    header: FactsHeader
    entries: Any

    def expired(self, now_ms: int) -> bool:
        """Older than its own `max_age_s`."""
        return now_ms > self.header.issued_at + self.header.max_age_s * 1000


class SignsFacts(Protocol):
    def sign(self, message: bytes) -> bytes:
        """64 bytes r || s."""
        ...


def seal_bundle(signer: SignsFacts, header: FactsHeader, entries: object) -> dict[str, Any]:
    """A signed bundle, ready for JSON. FactsFormatError when header or entries cannot be put into canonical form."""
    _check_header(header)
    head = asdict(header)
    return {"header": head, "entries": entries, "signature": signer.sign(_signed_bytes(head, entries)).hex()}


def open_bundle(
    raw: bytes | Mapping[str, Any], public_key: Sm2PublicKey, *, kind: str, have_version: int = 0
) -> Bundle:
    """Check and open a bundle. `have_version` is the version of this kind already held, 0 for none.

    Raises FactsFormatError, FactsSignatureError, FactsKindError, FactsRollbackError, FactsBaseError, in this order.
    The same version again is accepted: a repeated delivery changes nothing.
    """
    data = _parse(raw)
    header = _header(data["header"])
    signed = _signed_bytes(data["header"], data["entries"])
    if not public_key.accepts(signed, _hex(data["signature"])):
        raise FactsSignatureError
    if header.kind != kind:
        raise FactsKindError(f"got {header.kind}, wanted {kind}")
    if header.version < have_version:
        raise FactsRollbackError(f"version {header.version}, already holding {have_version}")
    if header.base and header.base != have_version:
        raise FactsBaseError(f"builds on {header.base}, holding {have_version}")
    return Bundle(header, data["entries"])


def read_unsigned(raw: bytes | Mapping[str, Any]) -> Bundle:
    """A bundle whose signature is not checked: for a file that a person names and vouches for, never for a download."""
    data = _parse(raw)
    return Bundle(_header(data["header"]), data["entries"])


def _parse(raw: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(raw, bytes):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise FactsFormatError("not JSON") from error
    if not isinstance(raw, Mapping) or set(raw) != {"header", "entries", "signature"}:
        raise FactsFormatError("members must be header, entries, signature")
    return raw


def _header(data: object) -> FactsHeader:
    if not isinstance(data, Mapping) or set(data) != set(FactsHeader.__slots__):
        raise FactsFormatError("header has other members")
    header = FactsHeader(**data)
    _check_header(header)
    return header


def _check_header(header: FactsHeader) -> None:
    numbers = (header.v, header.version, header.base, header.issued_at, header.max_age_s)
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise FactsFormatError("header numbers must be integers")
    if header.v != FORMAT_VERSION or header.kind not in KINDS or not isinstance(header.region, str):
        raise FactsFormatError("unknown format version or kind")
    if header.version < 1 or not 0 <= header.base < header.version or header.max_age_s < 0:
        raise FactsFormatError("header numbers out of range")


def _signed_bytes(header: object, entries: object) -> bytes:
    try:
        return facts_bytes(header, entries)  # type: ignore[arg-type]
    except EventFormatError as error:
        raise FactsFormatError(f"no canonical form: {error}") from error


def _hex(text: object) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
