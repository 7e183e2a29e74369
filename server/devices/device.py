"""The nouns of the device register."""

from dataclasses import dataclass, field

KINDS = ("bus", "hotel", "scenic", "kiosk", "counter", "console")
# A console is a person's desk: it reads no cards, so it needs no list.
TERMINALS = frozenset(KINDS) - {"console"}


@dataclass(frozen=True, slots=True)
class Device:
    """One enrolled device. `terminal_no` 12 hex digits; `public_key` 64 bytes; times ms UTC, 0 = never."""

    device_id: str
    terminal_no: str
    kind: str
    operator: str
    site: str
    region: str
    public_key: bytes = field(repr=False)
    enrolled_at: int = 0
    seen_at: int = 0
    pending: int = 0
    oldest_pending_at: int = 0
    clock_ms: int = 0


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a one-time code allows; the code itself is never kept, only its SM3."""

    code_hash: bytes = field(repr=False)
    device_id: str
    kind: str
    operator: str
    site: str
    region: str
