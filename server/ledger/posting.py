"""The noun of the ledger: one posting, an equal and opposite pair."""

from dataclasses import dataclass

from card.domain.money import Fen

DEBIT, CREDIT = 0, 1


@dataclass(frozen=True, slots=True)
class Posting:
    """`fen` moves from account `credit` to account `debit`, booked at `at_ms` (UTC). `key` names it for ever."""

    key: str
    at_ms: int
    debit: str
    credit: str
    fen: Fen
    memo: str
    event: str | None = None

    def __post_init__(self) -> None:
        if self.fen < 0:
            raise ValueError("a posting moves zero or more fen; swap the accounts instead")
        if not self.key or not self.debit or not self.credit or self.debit == self.credit:
            raise ValueError("a posting needs a key and two different accounts")


@dataclass(frozen=True, slots=True)
class Side:
    """One row as stored: + debit, - credit. Hashes are 32 bytes."""

    key: str
    side: int
    shard: str
    day: str
    position: int
    at_ms: int
    account: str
    fen: int
    memo: str
    event: str | None
    prev: bytes
    hash: bytes

    def content(self) -> dict[str, object]:
        """What the hash covers besides the row before."""
        return {
            "key": self.key,
            "side": self.side,
            "shard": self.shard,
            "day": self.day,
            "position": self.position,
            "at": self.at_ms,
            "account": self.account,
            "fen": self.fen,
            "memo": self.memo,
            "event": self.event or "",
        }


@dataclass(frozen=True, slots=True)
class Head:
    """End of one chain: its length, the last row's hash, and the Merkle root once the day is closed."""

    shard: str
    day: str
    length: int
    hash: bytes
    root: bytes | None = None
