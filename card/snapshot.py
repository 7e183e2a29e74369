"""Everything read from a card in one power-on session, decoded. Holds personal data: `repr` shows none of it."""

from dataclasses import dataclass, field

from card.apdu import SW
from card.domain.identity import CardId
from card.domain.money import Fen
from card.errors import CardDataError, ForeignCardError, UnexpectedSwError
from card.files.codecs import Value
from card.files.profile import load_profile
from card.files.tree import FileTree
from card.session import AtrFacts, LogEntry, PublicInfo, PurseSession, SscSession
from card.text_codec import join_name
from card.wire import CardChannel

_NOT_THERE = (SW.FILE_NOT_FOUND, SW.RECORD_NOT_FOUND, SW.WRONG_FILE_TYPE, SW.NO_CURRENT_EF, SW.UNKNOWN_INS)


@dataclass(frozen=True, slots=True)
class PurseSnapshot:
    """The transit purse as it was: numbers, balance in fen, newest log entry first."""

    public: PublicInfo
    balance: Fen
    log: tuple[LogEntry, ...] = ()
    trips: tuple[dict[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class CardSnapshot:
    """One reading of one card. `values`: SSSE EF05 and EF06 by field name; `purse`: None when not read or absent."""

    atr: bytes
    facts: AtrFacts
    values: dict[str, Value] = field(repr=False)
    purse: PurseSnapshot | None = None

    def text(self, name: str) -> str:
        """A text or digit field; "" when not personalised."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def card_id(self) -> CardId:
        """CardDataError when the card has no identification code yet."""
        raw = self.values.get("card_id", b"")
        if not isinstance(raw, bytes) or len(raw) != 16:
            raise CardDataError("card_id", "not personalised")
        return CardId(raw)

    @property
    def personalised(self) -> bool:
        """False for a card that left the factory and met no clerk."""
        return bool(self.values.get("card_id")) and bool(self.text("citizen_no"))

    @property
    def name(self) -> str:
        """The holder's whole name, both records joined."""
        return join_name(self.text("name"), self.text("name_ext"))

    @property
    def bound_to_atr(self) -> bool:
        """EF05.01 bytes 9-12 equal the last 4 historical bytes; copied files fail here (contract §5).

        Those 4 bytes hold only the last byte of the city: chips of two cities may share them, so the city itself
        (bytes 1-3, card §1.10) must also be the one in the answer to reset, by which the chip's keys are derived.
        """
        raw = self.values.get("card_id", b"")
        if not isinstance(raw, bytes) or len(raw) != 16:
            return False
        return raw[8:12] == self.facts.tail and raw[:3].hex() == self.facts.region

    @property
    def reset_info(self) -> str:
        """卡复位信息: the 13 historical bytes as 26 hex digits (card §1.12, A)."""
        return self.facts.historical.hex().upper()


def read_ssc(channel: CardChannel, profile_name: str = "ssc-2.00") -> CardSnapshot:
    """Select and read the freely readable data. ForeignCardError, CardLostError, CardDataError and the like."""
    session = SscSession(channel, load_profile(profile_name))
    session.select(quiet=True)
    try:
        return CardSnapshot(channel.atr, session.atr, session.read_basic())
    except UnexpectedSwError as refused:
        # A PSAM answers to the same environment name and has none of the holder's files.
        if refused.sw in _NOT_THERE:
            raise ForeignCardError("the environment is there, the holder's files are not") from refused
        raise


def read_purse(channel: CardChannel, profile_name: str = "tunion", entries: int = 0) -> PurseSnapshot | None:
    """The purse of the chip with its newest `entries` log entries; None when the chip has no purse."""
    session = PurseSession(channel, load_profile(profile_name))
    try:
        public = session.select()
    except ForeignCardError:
        return None
    log = tuple(session.log(entries)) if entries else ()
    trips = tuple(session.trips(entries)) if entries else ()
    return PurseSnapshot(public, session.balance(), log, trips)


def read_card(channel: CardChannel, tree: FileTree, entries: int = 0) -> CardSnapshot:
    """All that the chip's profiles let everybody read, in this power-on session; the purse when the tree has one."""
    kinds = {profile.kind: profile.name for profile in tree.profiles}
    snapshot = read_ssc(channel, kinds["ssc"])
    purse = read_purse(channel, kinds["purse"], entries) if "purse" in kinds else None
    return CardSnapshot(snapshot.atr, snapshot.facts, snapshot.values, purse)
