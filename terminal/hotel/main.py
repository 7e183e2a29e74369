"""The hotel desk: assembly only."""

import json

from card.channel import standard
from card.domain.event import Outcome, TapEvent
from card.errors import CardError
from card.files.profile import load_profile
from card.readers.reader import Reader
from terminal.apdus import TwoWires
from terminal.errors import PsamLostError
from terminal.journal import TerminalJournal
from terminal.memory import Memory
from terminal.modules import ChipModule
from terminal.post import Post
from terminal.scenes.chip import ChipPresented, read_chip
from terminal.scenes.hotel import HotelErrand, StayRequest
from terminal.screen import Screen, Tone, screen
from terminal.sync import Notice, Sync, SyncReport
from terminal.tap import Road, TapResult

RECEIPT = "stay_receipt"


class HotelDesk:
    """One desk: `check_in` serves the card in the reader; receipts come by notice, possibly much later."""

    def __init__(
        self,
        post: Post,
        reader: Reader,
        psam_reader: Reader,
        journal: TerminalJournal,
        memory: Memory,
        sync: Sync | None = None,
    ) -> None:
        self._post = post
        self._reader = reader
        self._journal = journal
        self._memory = memory
        self._sync = sync
        self._ssc = load_profile("ssc-2.00")
        self._road: Road[ChipPresented] = Road(journal)
        self.wires = TwoWires()
        self._module = ChipModule(psam_reader, self._ssc, self.wires.psam)

    def check_in(self, stay: StayRequest) -> TapResult:
        """Register the holder of the card in the reader. Needs no line."""
        self.wires.clear()
        try:
            psam = self._module.powered()
            channel = standard(self._reader.connect(), self.wires.card)
        except (CardError, PsamLostError) as world:
            return self.wires.into(TapResult(None, screen(world.code, Tone.WAIT)))
        try:
            errand = HotelErrand(
                self._post,
                stay,
                lambda: read_chip(channel, self._ssc, psam, self._post.entropy, self._post.now_ms()),
            )
            result = self._road.tap(errand)
        finally:
            channel.close()
        if result.screen.code == PsamLostError.code:
            self._module.drop()
        return self.wires.into(result)

    def settle_after_restart(self) -> list[TapEvent]:
        """Guests a crash left pending: their entry was durable, and the entry is the registration."""
        return [self._journal.resolve(entry.local, Outcome.POSTED, {}) for entry in self._journal.pending()]

    def take_notice(self, notice: Notice) -> Screen | None:
        """Keep a police receipt under its stay; returns what the desk shows, None for other notices."""
        if notice.kind != RECEIPT:
            return None
        stay_id = str(notice.body["stay_id"])
        receipt = str(notice.body["receipt_no"])
        self._memory.put(f"receipt.{stay_id}", json.dumps(notice.body, ensure_ascii=False).encode())
        return screen("S-HOTEL-RECEIPT", Tone.GO, receipt=receipt)

    def receipt(self, stay_id: str) -> dict[str, object] | None:
        """The police receipt of a stay, or None while it is on the way."""
        stored = self._memory.get(f"receipt.{stay_id}")
        return None if stored is None else dict(json.loads(stored))

    def sync(self) -> SyncReport:
        """One round with the server. Raises LinkDownError."""
        if self._sync is None:
            raise ValueError("this desk was built without a line")
        return self._sync.run()
