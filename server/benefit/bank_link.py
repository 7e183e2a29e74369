"""A bank as the payment run sees it: hand over a file, fetch files, ask about a line, ask for a statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.benefit.dialects.grammar import Status


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The bank's own word about one line. `raw_code` is the bank's name of the result, `paid_at` YYYYMMDDHHMMSS."""

    status: Status
    raw_code: str
    fen: int
    paid_at: str = ""
    bank_serial: str = ""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booking of the bank's day: `fen` positive into the holder's account, negative back (退票)."""

    e2e_id: str
    fen: int
    day: str
    bank_serial: str


class BankLink(Protocol):
    """One agreement. Every method may raise BankLinkError: then nothing is known and nothing is assumed."""

    def deliver(self, name: str, raw: bytes) -> None:
        """Hand over a payment file. The same name and bytes again change nothing at the bank."""
        ...

    def collect(self) -> Sequence[tuple[str, bytes]]:
        """Names and bytes of every return file there is; taking one twice does no harm."""
        ...

    def query(self, e2e_id: str) -> QueryAnswer:
        """What became of one line; status PENDING while the bank does not know."""
        ...

    def statement(self, day: str) -> Sequence[StatementLine]:
        """Bookings of a business day YYYYMMDD."""
        ...
