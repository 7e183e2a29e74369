"""A scenic venue: one process, several lanes, one journal. Assembly only."""

import threading
from collections.abc import Callable
from pathlib import Path

from card.domain.event import Outcome, TapEvent
from terminal.camera.camera import Camera
from terminal.config import VenueConfig
from terminal.gate.barrier import Barrier
from terminal.journal import TerminalJournal
from terminal.memory import Memory
from terminal.post import Post
from terminal.scanner.scanner import Scanner
from terminal.scenes.venue import CodePresented, Crowd, SiteCheck, VenueErrand
from terminal.sync import Sync, SyncReport
from terminal.tap import Road, TapResult
from terminal.uplink import Uplink
from terminal.verifiers.code import CodeVerifier
from terminal.verifiers.online import GateVerifier, OnlineVerifier

_INSIDE = "venue.inside"


class Lane:
    """One barrier with its scanner or camera."""

    def __init__(self, name: str, barrier: Barrier, walk: Callable[[str, Barrier, Callable[[], bytes]], TapResult]):
        self.name = name
        self.barrier = barrier
        self._walk = walk

    def show(self, raw: bytes) -> TapResult:
        """A code as bytes."""
        return self._walk(self.name, self.barrier, lambda: raw)

    def poll(self, scanner: Scanner, timeout_ms: int) -> TapResult | None:
        """Wait for the scanner; None when nothing was shown in time. ScannerLostError."""
        raw = scanner.scan(timeout_ms)
        return None if raw is None else self.show(raw)

    def look(self, camera: Camera, picture: Path) -> TapResult:
        """A picture of a phone's screen. An unreadable one is a lamp, not a refusal."""
        return self._walk(self.name, self.barrier, lambda: camera.read_file(picture))

    def close_gate(self) -> None:
        """After the person has passed. BarrierError when the device does not obey."""
        self.barrier.shut()


class Venue:
    """Lanes of one site. What two lanes do at the same instant is settled by the journal's claim."""

    def __init__(
        self,
        post: Post,
        config: VenueConfig,
        journal: TerminalJournal,
        memory: Memory,
        uplink: Uplink | None = None,
        sync: Sync | None = None,
    ) -> None:
        """`uplink` None: this site never asks other sites."""
        self._post = post
        self._config = config
        self._journal = journal
        self._memory = memory
        self._sync = sync
        self._road: Road[CodePresented] = Road(journal)
        online = None if uplink is None else OnlineVerifier(uplink, post.terminal.hex)
        self._verifier = GateVerifier(CodeVerifier(post.facts, post.clock), online)
        self._check = SiteCheck(uplink, post.terminal.hex)
        self._crowd = Crowd(int(memory.get(_INSIDE) or b"0"))
        self._turn = threading.Lock()

    def lane(self, name: str, barrier: Barrier) -> Lane:
        """One more lane; its barrier is shut first, since relays may latch."""
        barrier.shut()
        return Lane(name, barrier, self._walk)

    def person_left(self) -> None:
        """An exit's turn."""
        with self._turn:
            self._crowd.left()
            self._memory.put(_INSIDE, str(self._crowd.inside).encode())

    @property
    def inside(self) -> int:
        """People inside now."""
        return self._crowd.inside

    def settle_after_restart(self) -> list[TapEvent]:
        """Entries a crash left pending: whether the barrier opened is not known, so they are uncertain."""
        now = self._post.now_ms()
        body: dict[str, object] = {"barrier": "unknown", "resolved_at": now}
        return [self._journal.resolve(entry.local, Outcome.UNCERTAIN, body) for entry in self._journal.pending()]

    def sync(self) -> SyncReport:
        """One round with the server. Raises LinkDownError."""
        if self._sync is None:
            raise ValueError("this venue was built without a line")
        return self._sync.run()

    def _walk(self, lane: str, barrier: Barrier, read: Callable[[], bytes]) -> TapResult:
        errand = VenueErrand(
            self._post,
            self._config,
            lane,
            read,
            self._verifier,
            self._journal,
            self._check,
            barrier,
            self._crowd,
        )
        result = self._road.tap(errand)
        if result.outcome is not None:
            with self._turn:
                self._memory.put(_INSIDE, str(self._crowd.inside).encode())
        return result
