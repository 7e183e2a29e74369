"""Sessions with a card's applications, one class an application: select, read, prove, change.

`SscSession` is the social security application; `PurseSession` (card/purse.py) the transit purse.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from card import commands
from card.apdu import SW
from card.errors import ForeignCardError, UnexpectedSwError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import CyclicEf
from card.files.profile import Profile
from card.free_reading import Ask, free_reading
from card.holder import PinSession
from card.holder import PinState as PinState
from card.interface import Interface, contactless_historical, interface_of
from card.pin import Pin
from card.purse import Debited as Debited
from card.purse import LoadInit as LoadInit
from card.purse import LogEntry as LogEntry
from card.purse import Proof as Proof
from card.purse import PublicInfo as PublicInfo
from card.purse import PurchaseInit as PurchaseInit
from card.purse import PurseSession as PurseSession
from card.secure_messaging import Authorise, CardCrypto
from card.status import ask, send
from card.text_codec import WIDEST_CHARACTER
from card.wire import CardChannel
from card.writer import Means, Values, Written, read_place, write_place
from card.writing import WriteRecord

FACTOR_LENGTH = 8
OK = SW.OK.to_bytes(2, "big")
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


class SscSession(PinSession):
    """The social security application. `select` first; it also tells ours from a foreign card."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        super().__init__(channel, profile)
        try:
            self.atr = atr_facts(channel.atr, profile)
        except ForeignCardError:
            # A card pulled while it gets its power leaves a mangled answer to reset: it is lost, not foreign.
            send(channel, commands.select_fid(MASTER_FILE))
            raise

    def select(self, *, quiet: bool = False) -> bytes:
        """Select SSSE; returns its FCI, unless `quiet`. ForeignCardError when the card has none."""
        return self.select_dir("SSSE", quiet=quiet)

    def read_basic(self) -> dict[str, Value]:
        """EF05 and EF06, which a 2.00 card lets everybody read; a 3.00 card wants RK_SSSE for the holder's part."""
        return {**self.read_file("SSSE", "EF05"), **self.read_file("SSSE", "EF06")}

    def read_free(self, wanted: Set[str] | None = None) -> dict[str, Value]:
        """The records of EF05 and EF06 that may be read with what the session has proven; nothing is tried in vain.

        With `wanted` only these fields, and the name's second record only where the first is full (card §1.3, A).
        """
        plan = free_reading(self.profile, self.rights, wanted).asks
        records = self._ask_all(plan, wanted is not None)
        edition = self.profile.text_codec
        return {
            item.record.name: "" if raw is None else codecs.decode_record(item.record, raw, edition)
            for item, raw in zip(plan, records, strict=True)
        }

    def _ask_all(self, plan: Sequence[Ask], sparing: bool) -> list[bytes | None]:
        """The records as they are on the card, None for one not asked for: card first, thoughts later.

        The next command leaves as soon as an answer is there, while reader and daemon are still awake.
        """
        transmit = self.channel.transmit
        records: list[bytes | None] = []
        name = b""
        for item in plan:
            if item.record.name == "name_ext" and sparing and name.endswith(WIDEST_CHARACTER * b"\x00" + OK):
                records.append(None)
                continue
            answer = transmit(item.command)
            if not (answer.endswith(OK) and answer.startswith(item.header)):
                answer = self.read_record_raw(item.ef, item.record) + OK  # by number, or the error that says why not
            name = answer
            records.append(answer[:-2])
        return records

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the records of EF05 and EF06 that ask for more than the session has proven."""
        return free_reading(self.profile, self.rights).closed

    def read_dir(self, dir_name: str) -> dict[str, Value]:
        """All record and transparent files of the selected directory that the card has.

        Raises AccessDeniedError or PinInitialError as the card does.
        """
        found: dict[str, Value] = {}
        for ef in self.profile.files_of(dir_name):
            if isinstance(ef, CyclicEf):
                continue
            try:
                found.update(self.read_file(dir_name, ef.fid.hex()))
            except UnexpectedSwError as refused:
                if refused.sw != SW.FILE_NOT_FOUND:
                    raise
        return found

    def read_ref(
        self, place: str, authorise: Authorise | None = None, pin: Pin | None = None
    ) -> Value | dict[str, Value] | list[dict[str, Value]]:
        """A place's value (`SSSE/EF06/09`), a file's values by name, a log's entries, with the proofs they ask for.

        AccessNeedError, with nothing sent, when neither key nor PIN given here opens the place.
        """
        return read_place(self, place, Means(authorise, pin))

    def write(
        self,
        place: str,
        values: Values,
        authorise: Authorise | None = None,
        *,
        pin: Pin | None = None,
        crypto: CardCrypto | None = None,
        record: WriteRecord | None = None,
    ) -> Written:
        """Write a place: a record's value, or a file's fields by name or tag; read back where it may be read.

        ReadOnlyProfileError, FieldError, AccessNeedError before anything is sent; HalfWrittenError in the middle.
        """
        return write_place(self, place, values, Means(authorise, pin, crypto, record))

    def internal_authenticate(self, factor: bytes, original: bytes, version: int | None = None) -> bytes:
        """The chip's cryptogram, 8 bytes, raw: whether it is right only the PSAM or the centre can say."""
        kid = self.profile.key("IRK").card_kid
        command = commands.internal_authenticate(kid or 0, factor, original, version)
        return ask(self.channel, command, "internal authentication", 8)


def atr_facts(atr: bytes, profile: Profile) -> AtrFacts:
    """ForeignCardError when the answer to reset has none of the forms the profile accepts.

    Without contacts the historical bytes come from the answer to select, where the profile says so (card §1.12, C).
    """
    if interface_of(atr) is Interface.CONTACTLESS:
        historical = _contactless(atr, profile)
    else:
        historical = profile.atr.historical(atr) if profile.atr else None
    if not historical:
        raise ForeignCardError("answer to reset of another kind of card")
    return AtrFacts(historical)


def _contactless(atr: bytes, profile: Profile) -> bytes | None:
    """The historical bytes of the answer to select when they are of the form the profile declares."""
    rules = profile.contactless
    if rules is None or not rules.allowed or profile.atr is None:
        return None
    found, wanted = contactless_historical(atr), rules.build(bytes(3), bytes(3))[-profile.atr.historical_length :]
    return found if len(found) == len(wanted) and found[:-6] == wanted[:-6] else None
