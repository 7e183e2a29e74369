"""Unloading a purse into its heir: check MAC1, make MAC2, book on the card's MAC3 (keys-and-purse §1.3, §1.4).

Nothing is booked before the card attests that the money has left it. Then it waits for the heir as the rest of a lost
card does, and is loaded there with funding `lost_card`. An old card and its new one move money either way by this.
"""

from dataclasses import dataclass
from typing import ClassVar

from keys.tac import Moment
from keys.unload import UnloadDesk
from server.audit import service as audit
from server.context import Context
from server.database import Session
from server.devices.device import Device
from server.errors import ServerError
from server.ledger import service as ledger
from server.purse import accounts, repository
from server.purse.answer import card_moment, mac_request
from server.purse.load import PENDING, POSTED, UNCERTAIN, VOIDED, load_id
from server.purse.unload import Unload
from server.registry import repository as registry
from server.registry.card import Card


class UnloadHeirError(ServerError):
    """The purses are not of one person, or one of them is not of this house."""

    code: ClassVar[str] = "E-UNLOAD-HEIR"


class UnloadUnknownError(ServerError):
    """No unload of that id."""

    code: ClassVar[str] = "E-UNLOAD-UNKNOWN"


class UnloadStateError(ServerError):
    """The unload ended before, otherwise."""

    code: ClassVar[str] = "E-UNLOAD-STATE"


class UnloadTerminalError(ServerError):
    """The unload names another terminal than the one that asks."""

    code: ClassVar[str] = "E-UNLOAD-TERMINAL"


@dataclass(frozen=True, slots=True)
class UnloadWish:
    """The card's answer to INITIALIZE FOR UNLOAD as a terminal relays it. Hex text; amounts fen."""

    asn: str
    issuer: str
    heir: str
    online_seq: int
    card_random: str
    amount: int
    balance: int
    key_version: int
    algorithm: int
    mac1: str
    terminal_no: str


def start(context: Context, session: Session, device: Device, wish: UnloadWish) -> Unload:
    """Give MAC2; the same card answer again gives the same. UnloadHeirError, UnloadTerminalError, LoadMac1Error."""
    if wish.terminal_no != device.terminal_no:
        raise UnloadTerminalError(wish.terminal_no)
    ledger.hold(session, context.now_ms())
    name = load_id(wish.asn, wish.online_seq, wish.card_random)
    known = repository.get_unload(session, name)
    if known is not None:
        if (known.amount, known.heir) != (wish.amount, wish.heir):
            raise UnloadStateError(name)
        return known
    card = _pair(session, wish.asn, wish.heir)
    request = mac_request(wish)
    desk = UnloadDesk(context.centre)
    desk.check_mac1(request)
    settle(context, session, wish.asn, wish.online_seq)
    moment = card_moment(context)
    unload = Unload(
        unload_id=name,
        asn=wish.asn,
        issuer=wish.issuer,
        heir=wish.heir,
        online_seq=wish.online_seq,
        card_random=wish.card_random,
        amount=wish.amount,
        balance=wish.balance,
        key_version=wish.key_version,
        algorithm=wish.algorithm,
        mac1=wish.mac1,
        terminal_no=wish.terminal_no,
        device_id=device.device_id,
        card_date=moment.date.hex(),
        card_time=moment.time.hex(),
        mac2=desk.make_mac2(request, moment).hex(),
        state=PENDING,
        started_at=context.now_ms(),
    )
    if not repository.start_unload(session, unload):
        raise UnloadStateError(name)
    audit.log(
        context, session, actor=device.device_id, action="unload", card=card, place=device.site, detail=str(wish.amount)
    )
    return unload


def finish(context: Context, session: Session, name: str, mac3: str, online_seq_after: int) -> str:
    """How it ended: by the card's MAC3 posted, by its unmoved sequence voided, else uncertain. Saying it again is well.

    Raises UnloadUnknownError, UnloadStateError and TacError.
    """
    ledger.hold(session, context.now_ms())
    unload = repository.get_unload(session, name)
    if unload is None:
        raise UnloadUnknownError(name)
    if mac3:
        moment = Moment.from_digits(unload.card_date, unload.card_time)
        UnloadDesk(context.centre).check_mac3(mac_request(unload), moment, bytes.fromhex(mac3))
        return _post(context, session, unload)
    if online_seq_after == unload.online_seq:
        return _void(context, session, unload)
    return _end(context, session, unload, UNCERTAIN) if unload.state == PENDING else unload.state


def settle(context: Context, session: Session, asn: str, online_seq: int) -> None:
    """A MAC1 over `online_seq` proves what became of unloads of this sequence (nothing) and of the one before."""
    for earlier in repository.unloads_of(session, asn, online_seq):
        if earlier.state == PENDING:
            _void(context, session, earlier)
    # A voided one cannot have been carried out since: its MAC2 hangs on a random the card has thrown away.
    before = [unload for unload in repository.unloads_of(session, asn, online_seq - 1) if unload.state != VOIDED]
    if len(before) == 1 and before[0].state in (PENDING, UNCERTAIN):
        _post(context, session, before[0])


def coming_back(session: Session, asn: str) -> bool:
    """Whether money that was unloaded from this purse may be loaded back to it: its heir was unloaded for it."""
    heirs = {unload.heir for unload in repository.unloads_of(session, asn) if unload.state == POSTED}
    return any(
        back.heir == asn and back.state == POSTED for heir in heirs for back in repository.unloads_of(session, heir)
    )


def _pair(session: Session, asn: str, heir: str) -> Card:
    card, other = registry.card_by_asn(session, asn), registry.card_by_asn(session, heir)
    if card is None or other is None or asn == heir or card.person_id != other.person_id:
        raise UnloadHeirError(asn)
    return card


def _post(context: Context, session: Session, unload: Unload) -> str:
    if unload.state == POSTED:
        return POSTED
    frozen = accounts.frozen(registry.card_by_asn(session, unload.asn))
    if unload.amount:
        ledger.post(
            session,
            key=f"unload:{unload.unload_id}:done",
            at_ms=context.now_ms(),
            debit=accounts.lost(unload.asn) if frozen else accounts.purse(unload.asn),
            credit=accounts.transfer(unload.heir),
            fen=unload.amount,
            memo="unload done",
        )
    return _end(context, session, unload, POSTED)


def _void(context: Context, session: Session, unload: Unload) -> str:
    if unload.state == POSTED:
        raise UnloadStateError(unload.unload_id)
    return _end(context, session, unload, VOIDED) if unload.state != VOIDED else VOIDED


def _end(context: Context, session: Session, unload: Unload, state: str) -> str:
    repository.end_unload(session, unload.unload_id, state, context.now_ms())
    return state
