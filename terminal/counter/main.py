"""The counter's reader: a card in front of a clerk. Loss, replacement and hand-over are done at the server's desk.

With a second reader, `transfers`: an old card's rights and balance move to the holder's new card.
"""

from dataclasses import dataclass

from card.channel import standard
from card.errors import CardError
from card.files.profile import Profile, load_profile
from card.pin import Pin
from card.readers.reader import Reader
from card.session import SscSession
from card.snapshot import CardSnapshot
from terminal.apdus import TwoWires
from terminal.counter.transfer import TransferDesk, TransferWires
from terminal.errors import PsamLostError
from terminal.journal import TerminalJournal
from terminal.memory import Memory
from terminal.modules import ChipModule
from terminal.post import Post
from terminal.scenes.chip import ChipPresented, read_chip
from terminal.scenes.counter import CounterErrand
from terminal.screen import Screen, Tone, screen
from terminal.sync import Sync, SyncReport
from terminal.tap import Road, TapResult
from terminal.uplink import Uplink


@dataclass(frozen=True, slots=True)
class CounterReading:
    """What the clerk works with: the snapshot (personal data, never printed) and whether the chip proved itself."""

    result: TapResult
    snapshot: CardSnapshot | None
    genuine: bool


class CounterDesk:
    """One clerk's reader."""

    def __init__(
        self, post: Post, reader: Reader, psam_reader: Reader, journal: TerminalJournal, sync: Sync | None = None
    ) -> None:
        self._post = post
        self._reader = reader
        self._journal = journal
        self._sync = sync
        self._ssc = load_profile("ssc-2.00")
        self.wires = TwoWires()
        self._module = ChipModule(psam_reader, self._ssc, self.wires.psam)

    def read(self, action: str = "read") -> CounterReading:
        """Read a card for `action`: read, loss, handover. A listed card is read too: that is what a counter is for."""
        self.wires.clear()
        try:
            psam = self._module.powered()
            channel = standard(self._reader.connect(), self.wires.card)
        except (CardError, PsamLostError) as world:
            return CounterReading(TapResult(None, screen(world.code, Tone.WAIT)), None, False)
        seen: list[ChipPresented] = []

        def reading() -> ChipPresented:
            seen.append(read_chip(channel, self._ssc, psam, self._post.entropy, self._post.now_ms()))
            return seen[0]

        try:
            errand = CounterErrand(self._post, reading, action)
            result = Road[ChipPresented](self._journal).tap(errand)
        finally:
            channel.close()
        if result.screen.code == PsamLostError.code:
            self._module.drop()
        return CounterReading(self.wires.into(result), seen[0].proof.snapshot if seen else None, errand.proven)

    def change_pin(self, old: Pin, new: Pin) -> Screen:
        """At hand-over the holder replaces the initial PIN; the clerk looks away."""
        try:
            channel = standard(self._reader.connect(), self.wires.card)
        except CardError as world:
            return screen(world.code, Tone.WAIT)
        try:
            session = SscSession(channel, self._ssc)
            session.select()
            session.change_pin(old, new)
        except CardError as world:
            return screen(world.code, Tone.STOP)
        finally:
            channel.close()
        return screen("S-COUNTER-PIN", Tone.GO)

    def transfers(
        self, new_reader: Reader, memory: Memory, uplink: Uplink, purse_profile: Profile | None = None
    ) -> TransferDesk:
        """Old card in this counter's reader, new card in `new_reader`: begin, resume, confirm, undo.

        `memory` must outlive the process. Show what `pending` of the desk says before serving anybody.
        """
        wires = TransferWires(self._reader, new_reader, self._module, self.wires)
        return TransferDesk(self._post, wires, memory, uplink, (self._ssc, purse_profile or load_profile("tunion")))

    def close(self) -> None:
        """Let go of the PSAM."""
        self._module.drop()

    def sync(self) -> SyncReport:
        """One round with the server. Raises LinkDownError."""
        if self._sync is None:
            raise ValueError("this counter was built without a line")
        return self._sync.run()
