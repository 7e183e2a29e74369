"""Sessions with a card's applications, one class an application: select, read, prove, change.

`SscSession` is the social security application; `PurseSession` (card/purse.py) the transit purse.
"""

from dataclasses import dataclass

from card import commands
from card.apdu import SW, tries_left
from card.application import Session
from card.errors import ForeignCardError, UnexpectedSwError
from card.files.codecs import Value
from card.files.profile import Profile
from card.pin import Pin
from card.purse import Debited as Debited
from card.purse import LoadInit as LoadInit
from card.purse import LogEntry as LogEntry
from card.purse import Proof as Proof
from card.purse import PublicInfo as PublicInfo
from card.purse import PurchaseInit as PurchaseInit
from card.purse import PurseSession as PurseSession
from card.status import ask, check_pin, send
from card.wire import CardChannel

FACTOR_LENGTH = 8
MASTER_FILE = bytes.fromhex("3F00")


@dataclass(frozen=True, slots=True)
class AtrFacts:
    """What the answer to reset tells: historical bytes, diversification factor, region and serial of the chip."""

    historical: bytes

    @property
    def card_factor(self) -> bytes:
        """f_card: the last 8 historical bytes (card §1.12, A)."""
        return self.historical[-FACTOR_LENGTH:]

    @property
    def tail(self) -> bytes:
        """The last 4 historical bytes; a 2.00 card repeats them in its identification code (card §1.10)."""
        return self.historical[-4:]

    @property
    def region(self) -> str:
        return self.historical[-6:-3].hex()


class SscSession(Session):
    """The social security application. `select` first; it also tells ours from a foreign card."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        super().__init__(channel, profile)
        try:
            self.atr = atr_facts(channel.atr, profile)
        except ForeignCardError:
            # A card pulled while it gets its power leaves a mangled answer to reset: it is lost, not foreign.
            send(channel, commands.select_fid(MASTER_FILE))
            raise

    def select(self) -> bytes:
        """Select SSSE; returns its FCI. ForeignCardError when the card has none."""
        return self.select_dir("SSSE")

    def read_basic(self) -> dict[str, Value]:
        """EF05 and EF06, which a 2.00 card lets everybody read."""
        return {**self.read_file("SSSE", "EF05"), **self.read_file("SSSE", "EF06")}

    def read_dir(self, dir_name: str) -> dict[str, Value]:
        """All record files of the selected directory; raises AccessDeniedError or PinInitialError as the card does."""
        found: dict[str, Value] = {}
        for ef in self.profile.files_of(dir_name):
            found.update(self.read_file(dir_name, ef.fid.hex()))
        return found

    def internal_authenticate(self, factor: bytes, original: bytes) -> bytes:
        """The chip's cryptogram, 8 bytes, raw: whether it is right only the PSAM or the centre can say."""
        kid = self.profile.key("IRK").card_kid
        command = commands.internal_authenticate(kid or 0, factor, original)
        return ask(self.channel, command, "internal authentication", 8)

    def verify_pin(self, pin: Pin) -> None:
        """PinError(tries_left), PinBlockedError, or nothing."""
        check_pin(send(self.channel, commands.verify(pin, self._pin_p2)).sw, "verify PIN")

    def change_pin(self, old: Pin, new: Pin) -> None:
        """Replace the PIN; PinError(tries_left) when the old one is wrong, PinBlockedError when none is left."""
        check_pin(send(self.channel, commands.change_pin(old, new)).sw, "change PIN")

    def pin_tries_left(self) -> int:
        """Tries left without using one; the declared maximum when the PIN is verified already."""
        sw = send(self.channel, commands.verify_status(self._pin_p2)).sw
        left = tries_left(sw)
        if left is not None:
            return left
        if sw == SW.METHOD_BLOCKED:
            return 0
        if sw == SW.OK and self.profile.pin is not None:
            return self.profile.pin.max_tries
        raise UnexpectedSwError(sw, "ask for PIN tries")

    @property
    def _pin_p2(self) -> int:
        return self.profile.pin.verify_p2 if self.profile.pin else 0


def atr_facts(atr: bytes, profile: Profile) -> AtrFacts:
    """ForeignCardError when the answer to reset has none of the forms the profile accepts."""
    historical = profile.atr.historical(atr) if profile.atr else None
    if historical is None:
        raise ForeignCardError("answer to reset of another kind of card")
    return AtrFacts(historical)
