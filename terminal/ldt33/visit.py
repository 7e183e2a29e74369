"""One card in one power-on session, as the functions see it: which slot, which version, which factors.

iType 1 is contact, 2 contactless, 3 contact first, 4 contactless first (card §4.2, A).
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from card import commands
from card.apdu import SW
from card.channel import CardChannel, standard
from card.domain.entropy import Entropy
from card.domain.identity import RegionCode
from card.errors import CardError, CardLostError, ForeignCardError, NoCardError, UnexpectedSwError
from card.files.codecs import Value
from card.files.kinds import RecordEf, RecordField
from card.files.profile import Profile, load_profile
from card.readers.reader import Reader
from card.session import SscSession
from card.status import send
from keys.card_crypto import admit
from terminal.config import Ldt33Config
from terminal.ldt33.addresses import CardInfo
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.dialect import Dialect
from terminal.ldt33.pinpad import PinPad

CONTACT, CONTACTLESS = False, True
ORDERS = {1: (CONTACT,), 2: (CONTACTLESS,), 3: (CONTACT, CONTACTLESS), 4: (CONTACTLESS, CONTACT)}
FIRST_LOOK = "ssc-2.00"  # what every version shares: the environment, EF05.01 and EF05.03 (card §1.14, A)
SSF33 = "02"


class Slots(Protocol):
    """The terminal's reader slots; None where it has none."""

    def card(self, contactless: bool) -> Reader | None: ...

    def psam(self) -> Reader | None: ...


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A debit whose end was not seen: what was asked for, the card's sequence, the module's."""

    asked: str
    sequence: int
    terminal_seq: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything handed in. `now` counts seconds and never goes back. `unsettled` by identification code."""

    config: Ldt33Config
    dialect: Dialect
    slots: Slots
    pinpad: PinPad
    entropy: Entropy
    now: Callable[[], float]
    unsettled: dict[bytes, Unsettled] = field(default_factory=dict, repr=False)


class Listening:
    """A channel that remembers the last status word it carried."""

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner
        self.heard: int = SW.OK

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._inner.transmit(apdu)
        self.heard = int.from_bytes(answer[-2:], "big")
        return answer

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


@dataclass(slots=True)
class Visit:
    """A card, powered. `proven`: INTERNAL AUTHENTICATION was right since power-on."""

    reader: Reader
    wire: Listening = field(repr=False)
    channel: CardChannel = field(repr=False)
    contactless: bool
    session: SscSession = field(repr=False)
    profile: Profile = field(repr=False)
    card_id: bytes = field(repr=False)
    version: str
    algorithm: str
    proven: bool = False
    directory: str = "SSSE"
    shown: set[str] = field(default_factory=set)

    @property
    def region(self) -> str:
        """Six digits of the issuing region."""
        return self.card_id[:3].hex()

    @property
    def reset_info(self) -> str:
        """卡复位信息: the 13 historical bytes, 26 hex digits (card §1.12, A)."""
        return self.session.atr.historical.hex().upper()

    @property
    def bound(self) -> bool:
        """The identification code belongs to this chip: its city and serial are in the answer to reset (card §1.10).

        Always true where a version does not repeat them there. A chip that carries the copied files of another fails.
        """
        rule, facts = self.profile.card_id, self.session.atr
        if rule is None or not rule.serial_in_atr:
            return True
        return self.card_id[8:12] == facts.tail and self.region == facts.region

    @property
    def f_card(self) -> bytes:
        return self.session.atr.card_factor

    @property
    def f_city(self) -> bytes:
        return RegionCode(self.region).city_factor

    def select(self, directory: str) -> None:
        """Enter a directory; rights shown in another one are gone (card §2.2)."""
        if directory != self.directory:
            self.session.select_dir(directory)
            self.directory = directory
            self.shown.clear()

    def close(self) -> None:
        """Let the card go; its rights end."""
        with contextlib.suppress(CardError):  # it is gone already
            self.channel.close()


def open_visit(desk: Desk, kind: int, *, contact_only: bool = False) -> Visit:
    """Power the card that `kind` (iType) means. -14, -13 for contactless where only contact is allowed, -2, -1, -11."""
    if kind not in ORDERS:
        raise Ldt33Error(Code.BAD_PARAMETER, f"iType {kind}")
    if contact_only and kind == 2:
        raise Ldt33Error(Code.NOT_SUPPORTED, "contact only")
    order = (CONTACT,) if contact_only else ORDERS[kind]
    readers = [(reader, where) for where in order if (reader := desk.slots.card(where)) is not None]
    if not readers:
        raise Ldt33Error(Code.READER, "no such reader here")
    for reader, where in readers:
        with contextlib.suppress(NoCardError):
            return _enter(desk, reader, where)
    raise Ldt33Error(Code.NO_CARD)


def _enter(desk: Desk, reader: Reader, contactless: bool) -> Visit:
    wire = Listening(reader.connect())
    visit: Visit | None = None
    try:
        visit = _look(desk, reader, wire, contactless)
        return visit
    finally:
        if visit is None:
            with contextlib.suppress(CardError):
                wire.close()


def _look(desk: Desk, reader: Reader, wire: Listening, contactless: bool) -> Visit:
    channel = standard(wire)
    first = SscSession(channel, load_profile(FIRST_LOOK))
    first.select()
    try:
        card_id = field_of(first, "SSSE", "EF05", "card_id")
        version = field_of(first, "SSSE", "EF05", "version")
    except UnexpectedSwError as refused:
        # A PSAM answers to the environment's name and has none of the holder's files.
        raise ForeignCardError("not the holder's files") from refused
    if not isinstance(card_id, bytes) or len(card_id) != 16 or not card_id[:3].hex().isdigit():
        raise Ldt33Error(Code.CARD_ID_FORMAT, "on the card")
    name = desk.dialect.versions.get(version) if isinstance(version, str) else None
    if name is None:
        raise Ldt33Error(Code.WRONG_CARD, "its version is none of the dialect's")
    profile = load_profile(name)
    admit(profile, desk.config.profile)
    algorithm = f"{profile.crypto.algorithm_id:02X}"
    if card_id.hex().startswith(desk.dialect.ssf33.regions):
        algorithm = SSF33
    session = SscSession(channel, profile)
    return Visit(reader, wire, channel, contactless, session, profile, card_id, profile.version, algorithm)


def field_of(session: SscSession, directory: str, fid: str, name: str) -> Value:
    """One record of the selected directory by field name."""
    ef = session.profile.file(directory, fid)
    assert isinstance(ef, RecordEf)
    return session.read_record(ef, record_named(ef, name))


def record_named(ef: RecordEf, name: str) -> RecordField:
    """-15 when the profile does not declare it."""
    for record in ef.records:
        if record.name == name:
            return record
    raise Ldt33Error(Code.BAD_INFORMATION, f"{ef.path} has no {name}")


def check_card(visit: Visit, info: CardInfo) -> None:
    """-22 unless pCardInfo is of this card (card §4.2, A); the card number counts where everybody may read it."""
    if info.card_id != visit.card_id:
        raise Ldt33Error(Code.OTHER_CARD, "identification code")
    ef = visit.profile.file("SSSE", "EF05")
    assert isinstance(ef, RecordEf)
    answer = send(visit.channel, commands.read_record_by_tag(record_named(ef, "card_no").tag, ef.sfi, 11))
    if answer.sw == SW.SECURITY_NOT_SATISFIED:
        return
    if field_of(visit.session, "SSSE", "EF05", "card_no") != info.card_no:
        raise Ldt33Error(Code.OTHER_CARD, "card number")


def still_there(visit: Visit, desk: Desk) -> Ldt33Error:
    """What to say of a card that was lost between two steps: none, another one, or the same without its session."""
    visit.close()
    try:
        now = _enter(desk, visit.reader, visit.contactless)
    except (NoCardError, CardLostError):
        return Ldt33Error(Code.NO_CARD, "taken between two steps")
    except (CardError, Ldt33Error):
        return Ldt33Error(Code.OTHER_CARD, "between two steps")
    now.close()
    same = now.card_id == visit.card_id
    return Ldt33Error(Code.NOT_CONNECTED if same else Code.OTHER_CARD, "the card left between two steps")
