"""The noun of the access log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """One use or reading. `actor` device or desk, `action` what was done, `detail` without personal data."""

    shard: str
    day: str
    position: int
    at_ms: int
    actor: str
    action: str
    holder: str
    card_id: str
    place: str
    detail: str
    prev: bytes = b""
    hash: bytes = b""

    def content(self) -> dict[str, object]:
        """What the hash covers besides the row before."""
        return {
            "shard": self.shard,
            "day": self.day,
            "position": self.position,
            "at": self.at_ms,
            "actor": self.actor,
            "action": self.action,
            "holder": self.holder,
            "card": self.card_id,
            "place": self.place,
            "detail": self.detail,
        }
