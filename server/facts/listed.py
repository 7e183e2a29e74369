"""The nouns of the facts: an issued version, an entry of the hotlist."""

from dataclasses import dataclass

from card.domain.envelope import hotlist_message
from card.domain.lifecycle import ListReason, Medium
from keys.algorithms.sm3 import hmac_sm3

HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Issue:
    """One version of a kind. `issued_at` ms UTC; `entries` canonical JSON ("" for the hotlist)."""

    kind: str
    version: int
    issued_at: int
    max_age_s: int
    entries: str

    def ends_ms(self) -> int:
        """From here on no terminal acts on this version."""
        return self.issued_at + self.max_age_s * 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """A medium on the list from version `added` until before `removed` (None: still). `medium_id` hex."""

    medium: int
    medium_id: str
    added: int
    removed: int | None
    reason: int
    card_id: str
    entry: str

    def stands_at(self, version: int) -> bool:
        return self.added <= version and (self.removed is None or self.removed > version)


def entry_of(list_key: bytes, medium: Medium, medium_id: bytes, reason: ListReason) -> str:
    """kind 1 ‖ first 8 bytes of HMAC-SM3(list key, kind ‖ id) ‖ reason 1, as hex (contract §4)."""
    digest = hmac_sm3(list_key, hotlist_message(medium.value, medium_id))[:HASH_BYTES]
    return (bytes([medium.value]) + digest + bytes([reason.value])).hex()
