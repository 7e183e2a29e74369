"""The line to the server: one method. Adapters sign; callers do not know how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from terminal.errors import LinkDownError, ServerRefusedError

API = "/api/v1"
__all__ = ["API", "LinkDownError", "Reply", "Uplink", "accepted"]


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status and JSON object ({} when there was no body)."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Uplink(Protocol):
    """Signed request, answered or LinkDownError."""

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        """One request; `path` begins with /api/v1. Raises LinkDownError when no answer came."""
        ...


def accepted(reply: Reply, doing: str) -> dict[str, Any]:
    """The body of a 2xx reply; ServerRefusedError with the problem's code otherwise."""
    if not reply.ok:
        raise ServerRefusedError(reply.status, str(reply.body.get("code", "")), doing)
    return reply.body
