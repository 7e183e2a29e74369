"""What a device does when the line is up: upload, refresh facts, fetch notices, report its health."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from card.domain.clock import Clock, to_ms
from terminal.clock_guard import ClockGuard
from terminal.errors import WireFormatError
from terminal.facts import KINDS, FactsCabinet, Refresh
from terminal.journal import Outbox
from terminal.memory import Memory
from terminal.uplink import API, Uplink, accepted
from terminal.uploader import Uploader, UploadReport

_POSITION = "notices.position"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the server wants this device to know: stay_receipt, load_proof_wanted, facts_wanted, double_entry."""

    position: int
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One round. `notices` were handed to the handler before they were acknowledged."""

    upload: UploadReport
    facts: list[Refresh]
    notices: list[Notice] = field(default_factory=list)


class Notices:
    """Fetches by position; the next fetch acknowledges what the handler has taken."""

    def __init__(self, uplink: Uplink, memory: Memory, handle: Callable[[Notice], None]) -> None:
        self._uplink = uplink
        self._memory = memory
        self._handle = handle

    def fetch(self) -> list[Notice]:
        """New notices, each handled, then its position remembered: a crash repeats one, never loses one."""
        after = int(self._memory.get(_POSITION) or b"0")
        answer = accepted(self._uplink.exchange("GET", f"{API}/notices?after={after}", None), "asking for notices")
        try:
            found = [Notice(int(n["position"]), str(n["kind"]), dict(n["body"])) for n in answer["notices"]]
        except (KeyError, TypeError, ValueError) as bad:
            raise WireFormatError("answer with notices") from bad
        for notice in found:
            self._handle(notice)
            self._memory.put(_POSITION, str(notice.position).encode())
        return found


class Sync:
    """One device's round with the server."""

    def __init__(
        self,
        uplink: Uplink,
        outbox: Outbox,
        uploader: Uploader,
        facts: FactsCabinet,
        notices: Notices,
        clock: Clock,
        guard: ClockGuard,
        kinds: tuple[str, ...] = KINDS,
    ) -> None:
        self._uplink = uplink
        self._outbox = outbox
        self._uploader = uploader
        self._facts = facts
        self._notices = notices
        self._clock = clock
        self._guard = guard
        self._kinds = kinds

    def run(self) -> SyncReport:
        """Time first (codes need it), then events up, facts and notices down. Raises LinkDownError at any point."""
        self.heartbeat()
        upload = self._uploader.run()
        refreshed = self._facts.refresh(self._uplink, self._kinds)
        notices = self._notices.fetch()
        if notices and any(notice.kind == "facts_wanted" for notice in notices):
            refreshed = self._facts.refresh(self._uplink, self._kinds)
        return SyncReport(upload, refreshed, notices)

    def heartbeat(self) -> list[str]:
        """Report versions and waiting events; returns what the server wants, and learns its time."""
        state = self._outbox.state()
        body = {
            "facts": self._facts.versions(),
            "pending": state.unsent + state.pending,
            "oldest_pending_at": state.oldest_unsent_at,
            "clock_ms": to_ms(self._clock.now()),
        }
        answer = accepted(self._uplink.exchange("POST", f"{API}/heartbeat", body), "reporting")
        try:
            self._guard.synced(int(answer["server_time"]))
            return [str(want) for want in answer.get("wants", ())]
        except (KeyError, TypeError, ValueError) as bad:
            raise WireFormatError("answer to a heartbeat") from bad
