"""Errors of the server floor: each carries a stable `code`; the HTTP status stands in one table, http/problems.py."""

from typing import ClassVar


class ServerError(Exception):
    """Root. `detail` may name ids and fields, never a citizen number, a key or a PIN."""

    code: ClassVar[str] = "E-SERVER"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class LedgerConflictError(ServerError):
    """A posting key was used before with other content."""

    code = "E-LEDGER-CONFLICT"


class LedgerDayClosedError(ServerError):
    """The business day is closed: book on the next."""

    code = "E-LEDGER-DAY-CLOSED"


class ChainBrokenError(ServerError):
    """A stored row does not follow from the row before it; the detail names it."""

    code = "E-CHAIN-BROKEN"
