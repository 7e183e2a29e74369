"""A device's wire to the server: it can be unplugged, lose a request, lose an answer, or deliver a request late.

The device's own HTTP client speaks into it, so what a broken line means to a terminal is decided by production code.
"""

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from firmware_sim.world.errors import ProcessDiedError
from firmware_sim.world.house import Answer, House
from keys.algorithms.sm2 import Sm2PrivateKey
from terminal.uplink_http import HttpUplink

BATCH_TARGET = "/api/v1/events:batch"


class Mishap(Enum):
    """What happens to one request."""

    NONE = "none"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    LATE = "late"
    LATE_ARRIVES = "an earlier one arrives first"


@dataclass(frozen=True, slots=True)
class Letter:
    """A request as it was put on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes


@dataclass(eq=False)
class Line(httpx.BaseTransport):
    """`down` unplugs it; `mishaps` befall the next requests in order; `late` letters wait for `deliver`."""

    house: House
    down: bool = False
    mishaps: list[Mishap] = field(default_factory=list)
    late: list[Letter] = field(default_factory=list)
    last_batch: Letter | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("unplugged")
        letter = Letter(
            request.method, request.url.raw_path.decode("ascii"), dict(request.headers), request.content or b""
        )
        if letter.target == BATCH_TARGET:
            self.last_batch = letter
        mishap = self.mishaps.pop(0) if self.mishaps else Mishap.NONE
        if mishap is Mishap.LATE_ARRIVES and self.late:
            self.deliver(0)
        if mishap is Mishap.LATE:
            self.late.append(letter)
        if mishap in (Mishap.LATE, Mishap.REQUEST_LOST):
            raise httpx.ReadTimeout("no answer")
        try:
            answer = self.send(letter)
        except ProcessDiedError as died:
            raise httpx.ReadError("the server died") from died
        if mishap is Mishap.ANSWER_LOST:
            raise httpx.ReadTimeout("no answer")
        return httpx.Response(answer.status, content=answer.body)

    def send(self, letter: Letter) -> Answer:
        """Put a letter through to the server."""
        return self.house.exchange(letter.method, letter.target, letter.headers, letter.content)

    def deliver(self, place: int) -> Answer:
        """A late letter arrives; nobody waits for its answer any more."""
        return self.send(self.late.pop(place))

    def repeat_batch(self) -> dict[str, Any] | None:
        """The last batch once more; the server's answer, None when there was no batch yet."""
        if self.last_batch is None:
            return None
        found: dict[str, Any] = json.loads(self.send(self.last_batch).body)
        return found


def uplink_over(line: Line, device_id: str, key: Sm2PrivateKey, clock: Clock, entropy: Entropy) -> HttpUplink:
    """The production uplink of a device whose client stays in this process."""
    client = httpx.Client(base_url="http://world", transport=line, trust_env=False)
    return HttpUplink(client, device_id, key, clock, entropy)
