"""The event of a tap and its canonical bytes, version 1 (contract §2)."""

import json
import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

EVENT_VERSION = 1
MAX_DEPTH = 8
FIRST_LEVEL = frozenset({"v", "type", "id", "at", "facts", "credential", "decision", "body", "prev"})


class EventFormatError(ValueError):
    """Bytes that are not a canonical event of a known version."""

    code = "E-EVENT-FORMAT"


class Outcome(Enum):
    """How a pending journal entry was resolved."""

    POSTED = "posted"
    VOIDED = "voided"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """(terminal, journal epoch, sequence): minted when the entry is resolved; the idempotency key everywhere."""

    terminal: str
    epoch: str
    seq: int

    def __post_init__(self) -> None:
        if len(self.terminal) != 12 or len(self.epoch) != 16 or self.seq < 1:
            raise EventFormatError("event id needs terminal 6 bytes, epoch 8 bytes, sequence from 1")

    def __str__(self) -> str:
        return f"{self.terminal}.{self.epoch}.{self.seq}"


@dataclass(frozen=True, slots=True)
class TapEvent:
    """One tap, as it is hashed, signed and stored. `prev` is the hex SM3 of the preceding event of the epoch."""

    type: str
    id: EventId
    at: int
    facts: dict[str, int]
    credential: dict[str, object]
    decision: dict[str, object]
    body: dict[str, object]
    prev: str
    v: int = field(default=EVENT_VERSION)

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "v": self.v,
                "type": self.type,
                "id": {"terminal": self.id.terminal, "epoch": self.id.epoch, "seq": self.id.seq},
                "at": self.at,
                "facts": self.facts,
                "credential": self.credential,
                "decision": self.decision,
                "body": self.body,
                "prev": self.prev,
            }
        )


def canonical(value: object) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, NFC text; objects, arrays, strings, integers and booleans only.

    Raises EventFormatError for floats, nulls, over-deep or non-string keys: they would hash differently elsewhere.
    """
    return json.dumps(_checked(value, 0), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _checked(value: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise EventFormatError("nested too deep")
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, bool | int):
        return int(value) if not isinstance(value, bool) else value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise EventFormatError("keys must be text")
        return {unicodedata.normalize("NFC", key): _checked(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(item, depth + 1) for item in value]
    raise EventFormatError(f"{type(value).__name__} has no canonical form")


def parse_event(raw: bytes) -> TapEvent:
    """Read canonical bytes back; EventFormatError unless `raw` is exactly what `to_bytes` would write."""
    try:
        data = json.loads(raw, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as bad:
        raise EventFormatError("not JSON of the canonical kind") from bad
    if not isinstance(data, dict) or set(data) != FIRST_LEVEL or data.get("v") != EVENT_VERSION:
        raise EventFormatError("unknown event version or members")
    try:
        event = TapEvent(
            type=_kind(data["type"], str),
            id=EventId(data["id"]["terminal"], data["id"]["epoch"], data["id"]["seq"]),
            at=_kind(data["at"], int),
            facts=_kind(data["facts"], dict),
            credential=_kind(data["credential"], dict),
            decision=_kind(data["decision"], dict),
            body=_kind(data["body"], dict),
            prev=_kind(data["prev"], str),
        )
    except (KeyError, TypeError) as bad:
        raise EventFormatError("event member of the wrong kind") from bad
    if event.to_bytes() != raw:
        raise EventFormatError("bytes are not canonical")
    return event


def _kind(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise EventFormatError("event member of the wrong kind")
    return value


def _refuse(_text: str) -> object:
    raise ValueError("no floats")
