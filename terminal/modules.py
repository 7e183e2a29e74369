"""The PSAM slot of a terminal: powered when first needed, and anew after it was lost."""

from contextlib import suppress

from card.channel import standard
from card.errors import CardError
from card.files.profile import Profile
from card.readers.reader import Reader
from card.traffic import TrafficSink
from card.wire import CardChannel
from keys.errors import KeysError
from keys.psam import PsamSession
from terminal.errors import PsamLostError
from terminal.scenes.chip import ChipPsam


class ChipModule:
    """A PSAM that judges chips."""

    def __init__(self, reader: Reader, ssc: Profile, log: TrafficSink) -> None:
        self._reader = reader
        self._irk_kid = ssc.key("IRK").psam_kid or 0
        self._log = log
        self._psam: ChipPsam | None = None
        self._session: PsamSession | None = None
        self._channel: CardChannel | None = None
        self.terminal_no = b""

    def powered(self) -> ChipPsam:
        """The module, with its terminal number known. PsamLostError."""
        if self._psam is None:
            try:
                self._channel = standard(self._reader.connect(), self._log)
                session = PsamSession(self._channel)
                self.terminal_no = session.terminal_number()
            except (CardError, KeysError) as lost:
                self.drop()
                raise PsamLostError(type(lost).__name__) from lost
            self._psam, self._session = ChipPsam(session, self._irk_kid), session
        return self._psam

    def session(self) -> PsamSession:
        """The module itself, for proofs of ours to a card. PsamLostError."""
        self.powered()
        if self._session is None:
            raise PsamLostError("dropped")
        return self._session

    def drop(self) -> None:
        """Let it go, so that anybody can have its reader; the next use powers it again."""
        self._psam = self._session = None
        channel, self._channel = self._channel, None
        if channel is not None:
            with suppress(CardError):  # it is gone already
                channel.close()
