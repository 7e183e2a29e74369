"""The bus validator: assembly only. It puts the road together; nothing here decides."""

from card.channel import standard
from card.domain.event import TapEvent
from card.errors import CardError
from card.files.profile import Profile, load_profile
from card.readers.reader import Reader
from keys.errors import KeysError
from keys.psam import PsamSession
from terminal.apdus import TwoWires
from terminal.config import BusConfig
from terminal.errors import PsamLostError
from terminal.journal import TerminalJournal
from terminal.post import Post
from terminal.scenes.bus import BusErrand
from terminal.scenes.bus_card import BusPresented, BusPsam, read_bus_card
from terminal.scenes.bus_recovery import give_up
from terminal.screen import Tone, screen
from terminal.sync import Sync, SyncReport
from terminal.tap import Road, TapResult


class BusValidator:
    """One validator: `tap` serves the card in the reader, `sync` talks to the server, `give_up` ends long waits."""

    def __init__(
        self,
        post: Post,
        config: BusConfig,
        reader: Reader,
        psam_reader: Reader,
        journal: TerminalJournal,
        sync: Sync | None = None,
        purse_profile: Profile | None = None,
    ) -> None:
        """`purse_profile`: another dialect of the purse than `tunion`."""
        self._post = post
        self._config = config
        self._reader = reader
        self._psam_reader = psam_reader
        self._journal = journal
        self._sync = sync
        self._road: Road[BusPresented] = Road(journal)
        self._ssc, self._tunion = load_profile("ssc-2.00"), purse_profile or load_profile("tunion")
        self._last_taps: dict[bytes, int] = {}
        self._psam: BusPsam | None = None
        self.wires = TwoWires()

    def tap(self) -> TapResult:
        """Serve the card that is in the reader now; it may leave when this returns."""
        self.wires.clear()
        try:
            psam = self._module()
            channel = standard(self._reader.connect(), self.wires.card)
        except (CardError, PsamLostError) as world:
            return self.wires.into(TapResult(None, screen(world.code, Tone.WAIT)))
        try:
            errand = BusErrand(
                self._post,
                self._config,
                psam,
                self._journal,
                self._last_taps,
                lambda: read_bus_card(channel, self._ssc, self._tunion, self._post.now_ms()),
            )
            result = self._road.tap(errand)
        finally:
            channel.close()
        if result.screen.code == PsamLostError.code:
            self._psam = None  # powered anew for the next card
        return self.wires.into(result)

    def give_up(self) -> list[TapEvent]:
        """Torn taps whose cards have stayed away too long become uncertain events."""
        return give_up(self._journal, self._post.now_ms(), self._config.uncertain_after_s)

    def sync(self) -> SyncReport:
        """One round with the server. Raises LinkDownError; PsamLostError never."""
        if self._sync is None:
            raise ValueError("this validator was built without a line")
        self.give_up()
        return self._sync.run()

    def _module(self) -> BusPsam:
        if self._psam is None:
            try:
                channel = standard(self._psam_reader.connect(), self.wires.psam)
                self._psam = BusPsam(PsamSession(channel))
            except (CardError, KeysError) as lost:
                raise PsamLostError(type(lost).__name__) from lost
        return self._psam
