"""Is this medium in the list? Keyed short hashes, sorted; no number of a person is ever in it (contract §4)."""

from bisect import bisect_left
from collections.abc import Iterable

from card.domain.envelope import hotlist_message
from keys.algorithms.sm3 import hmac_sm3

HASH_BYTES = 8
KEY_BYTES = 1 + HASH_BYTES
ENTRY_BYTES = KEY_BYTES + 1


class Hotlist:
    """Entries kind 1 ‖ hash 8 ‖ reason 1 in order; looked up by the first nine bytes."""

    def __init__(self, list_key: bytes, entries: Iterable[bytes]) -> None:
        """`entries` in any order. ValueError when one has not ten bytes."""
        self._list_key = list_key
        self._entries = sorted(entries)
        if any(len(entry) != ENTRY_BYTES for entry in self._entries):
            raise ValueError("a hotlist entry is ten bytes")

    def reason(self, medium: int, medium_id: bytes) -> int | None:
        """The reason byte of a listed medium (`card.domain.lifecycle.Medium` value and its id), or None."""
        wanted = bytes([medium]) + hmac_sm3(self._list_key, hotlist_message(medium, medium_id))[:HASH_BYTES]
        place = bisect_left(self._entries, wanted)
        if place < len(self._entries) and self._entries[place].startswith(wanted):
            return self._entries[place][-1]
        return None

    def lists_any(self, media: Iterable[tuple[int, bytes]]) -> bool:
        """Whether one of a credential's media is listed."""
        return any(self.reason(medium, medium_id) is not None for medium, medium_id in media)

    def __len__(self) -> int:
        return len(self._entries)
