"""The card and the module in front of a bus validator: what is read, what is opened, what a debit leaves behind."""

from dataclasses import dataclass

from card.domain.credential import PresentedCredential
from card.domain.money import ZERO, Fen
from card.errors import CardBlockedError, CardError
from card.files.codecs import Value
from card.files.kinds import RecordEf
from card.files.profile import Profile
from card.files.tree import record_of
from card.purse import PublicInfo, PurseSession
from card.session import SscSession
from card.wire import CardChannel
from keys.errors import KeysError, Mac2Error
from keys.psam import PsamSession, PurchaseInit
from keys.tac import TYPE_COMPOUND
from terminal.config import BusConfig
from terminal.errors import PsamLostError
from terminal.post import whole
from terminal.verifiers.purse import present_purse

UNKNOWN = -1
TRIP_FILE = "001E"
# Record 001E, first byte: a single ride (keys-and-purse §1.2.1, A).
SINGLE_RIDE = b"\x06"


@dataclass(frozen=True, slots=True)
class BusPresented:
    """A purse in front of the validator, its session still open. `public` is None when the application is blocked."""

    credential: PresentedCredential
    purse: PurseSession
    public: PublicInfo | None
    balance: Fen
    at_ms: int


class BusPsam:
    """The PSAM of the validator, and which purchase of it still waits for its 8072."""

    def __init__(self, session: PsamSession) -> None:
        self._session = session
        self._open: int | None = None
        try:
            self.terminal_no = session.terminal_number()
        except (CardError, KeysError) as lost:
            raise PsamLostError(type(lost).__name__) from lost

    def init(self, purchase: PurchaseInit) -> tuple[int, bytes]:
        """8070: (terminal sequence, MAC1). PsamLostError when the module does not do it."""
        self._open = None
        try:
            answer = self._session.init_purchase(purchase)
        except (CardError, KeysError) as lost:
            raise PsamLostError(type(lost).__name__) from lost
        self._open = answer.terminal_seq
        return answer.terminal_seq, answer.mac1

    def confirm(self, terminal_seq: int, mac2: bytes) -> bool:
        """8072 for the purchase `terminal_seq`, if it is still the open one. Mac2Error when the MAC2 is wrong.

        False when the module has gone on or is gone: then the server's TAC check decides (contract §5).
        """
        if self._open != terminal_seq:
            return False
        self._open = None
        try:
            self._session.credit_purchase(mac2)
        except Mac2Error:
            raise
        except (CardError, KeysError):
            return False
        return True


def read_bus_card(channel: CardChannel, ssc: Profile, tunion: Profile, at_ms: int) -> BusPresented:
    """Card id and birth date from the social security application, then the purse. Raises the card errors."""
    social = SscSession(channel, ssc)
    social.select(quiet=True)
    card_id = _field(social, "EF05", "card_id")
    birth = _field(social, "EF06", "birth_date")
    raw_id = card_id if isinstance(card_id, bytes) else b""
    birth_date = birth if isinstance(birth, str) else ""
    purse = PurseSession(channel, tunion)
    try:
        public = purse.select()
    except CardBlockedError:
        return BusPresented(present_purse(b"", raw_id, birth_date, "", ""), purse, None, ZERO, at_ms)
    shown = present_purse(public.asn.raw, raw_id, birth_date, public.start_date, public.valid_to)
    return BusPresented(shown, purse, public, purse.balance(), at_ms)


def trip_record(config: BusConfig, terminal_no: bytes, body: dict[str, object]) -> dict[str, Value]:
    """Record 001E of this ride (keys-and-purse §1.2.1); industry and line codes differ by city, so they are data."""
    amount = whole(body["amount"])
    return {
        "kind": SINGLE_RIDE,
        "terminal": terminal_no.rjust(8, b"\x00"),
        "industry": bytes.fromhex(config.industry),
        "line_station": bytes.fromhex(config.line_station),
        "amount": amount,
        "balance": whole(body["balance_before"]) - amount,
        "at": str(body["card_date"]) + str(body["card_time"]),
        "city": bytes.fromhex(config.city_code),
        "acquirer": bytes.fromhex(config.acquirer),
        "rfu": bytes(6),
    }


def no_debit() -> dict[str, object]:
    """The purse part of an event before, or without, a debit."""
    return {
        "amount": 0,
        "txn_type": TYPE_COMPOUND,
        "balance_after": UNKNOWN,
        "offline_seq": UNKNOWN,
        "key_version": UNKNOWN,
        "algorithm": UNKNOWN,
        "terminal_seq": UNKNOWN,
        "card_date": "",
        "card_time": "",
        "tac": "",
        "psam_confirmed": False,
        "recovered": "",
        "resolved_at": UNKNOWN,
    }


def posted_body(body: dict[str, object], tac: str) -> dict[str, object]:
    """What a debit that happened adds to the body; `tac` 8 hex digits, "" when only the card's log is known."""
    return {"tac": tac, "balance_after": whole(body["balance_before"]) - whole(body["amount"])}


def _field(session: SscSession, fid: str, name: str) -> Value:
    ef = session.profile.file("SSSE", fid)
    if not isinstance(ef, RecordEf):
        raise TypeError(f"{fid} is not a record file")
    return session.read_record(ef, record_of(ef, name))
