"""Loading a purse: check MAC1, hold the money, make MAC2; post on the card's TAC, give back what was not credited."""

from dataclasses import dataclass
from typing import ClassVar

from keys.centre import LoadTacInput
from keys.errors import KeysError
from keys.tac import Moment
from server.audit import service as audit
from server.context import Context, StoredEvent
from server.database import Session
from server.devices.device import Device
from server.errors import ServerError
from server.ledger import service as ledger
from server.notices import service as notices
from server.purse import accounts, repository, unloads
from server.purse.answer import card_moment, mac_request
from server.purse.load import BANK_ACCOUNT, LOST_CARD, PENDING, POSTED, UNCERTAIN, VOIDED, Load, load_id
from server.registry import repository as registry
from server.registry.card import Card


class PurseUnknownError(ServerError):
    """No card of this house carries that purse."""

    code: ClassVar[str] = "E-PURSE-UNKNOWN"


class PurseBlockedError(ServerError):
    """The card of this purse is not in use: sealed, lost, locked or cancelled."""

    code: ClassVar[str] = "E-PURSE-BLOCKED"


class LoadUnknownError(ServerError):
    """No load of that id."""

    code: ClassVar[str] = "E-LOAD-UNKNOWN"


class LoadStateError(ServerError):
    """The load was posted before, or another load of this sequence was."""

    code: ClassVar[str] = "E-LOAD-STATE"


class LoadFundsError(ServerError):
    """Nothing, or another amount, waits for this purse from a lost card."""

    code: ClassVar[str] = "E-LOAD-FUNDS"


class LoadTerminalError(ServerError):
    """The load names another terminal than the one that asks."""

    code: ClassVar[str] = "E-LOAD-TERMINAL"


@dataclass(frozen=True, slots=True)
class LoadWish:
    """The card's answer to INITIALIZE FOR LOAD (8050 00) as a terminal relays it. Hex text; amounts fen."""

    asn: str
    issuer: str
    online_seq: int
    card_random: str
    amount: int
    balance: int
    key_version: int
    algorithm: int
    mac1: str
    terminal_no: str
    funding: str


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """How the terminal says a load ended. `result` tac | proof | not_credited; `tac` 8 hex digits or ""."""

    result: str
    tac: str = ""
    balance_after: int = -1
    online_seq_after: int = -1


def start(context: Context, session: Session, device: Device, wish: LoadWish) -> Load:
    """Hold the money and give MAC2. The same card answer again gives the same MAC2.

    Raises PurseUnknownError, PurseBlockedError, LoadTerminalError, LoadFundsError and the keys' LoadMac1Error.
    """
    if wish.terminal_no != device.terminal_no:
        raise LoadTerminalError(wish.terminal_no)
    ledger.hold(session, context.now_ms())
    name = load_id(wish.asn, wish.online_seq, wish.card_random)
    known = repository.get(session, name)
    if known is not None:
        return _same(known, wish)
    card = _card(session, wish)
    request = mac_request(wish)
    context.centre.check_load_mac1(request)
    _void_earlier(context, session, wish)
    _post_earlier(context, session, wish)
    unloads.settle(context, session, wish.asn, wish.online_seq)
    moment = card_moment(context)
    load = Load(
        load_id=name,
        asn=wish.asn,
        issuer=wish.issuer,
        online_seq=wish.online_seq,
        card_random=wish.card_random,
        amount=wish.amount,
        balance=wish.balance,
        key_version=wish.key_version,
        algorithm=wish.algorithm,
        terminal_no=wish.terminal_no,
        device_id=device.device_id,
        funding=wish.funding,
        source=_source(session, card, wish),
        card_date=moment.date.hex(),
        card_time=moment.time.hex(),
        mac2=context.centre.make_load_mac2(request, moment).hex(),
        state=PENDING,
        started_at=context.now_ms(),
    )
    if not repository.start(session, load):
        raise LoadStateError(name)
    _book(context, session, load, "hold", load.source, accounts.LOADING)
    audit.log(
        context, session, actor=device.device_id, action="load", card=card, place=device.site, detail=str(load.amount)
    )
    return load


def finish(context: Context, session: Session, name: str, end: LoadEnd) -> str:
    """The end of a load: "posted", "voided" or "uncertain". Saying the same again changes nothing.

    A voided load whose card attests it is posted after all: a late request may have voided it from the outside, and
    the card has the last word. Raises LoadUnknownError, LoadStateError, and the keys' TacError.
    """
    ledger.hold(session, context.now_ms())
    load = repository.get(session, name)
    if load is None:
        raise LoadUnknownError(name)
    if end.result in ("tac", "proof"):
        _check_tac(context, load, end)
        return _post(context, session, load)
    if end.online_seq_after == load.online_seq:
        return _void(context, session, load)
    return _doubt(context, session, load)


def ask_for_proofs(context: Context, session: Session, device: Device) -> int:
    """Leave a notice for every load of this device that has been silent too long; how many."""
    before = context.now_ms() - context.config.load_silence_s * 1000
    silent = repository.silent(session, device.device_id, before)
    for load in silent:
        body: dict[str, object] = {"load_id": load.load_id, "asn": load.asn, "online_seq": load.online_seq}
        notices.leave(context, session, device.device_id, notices.LOAD_PROOF_WANTED, body)
        repository.change(session, load.load_id, {"proof_asked_at": context.now_ms()})
    return len(silent)


def waiting_credit(session: Session, asn: str) -> int:
    """What waits for this purse from its lost predecessor, fen."""
    return accounts.held(session, accounts.transfer(asn))


def project(context: Context, session: Session, stored: StoredEvent) -> bool:
    """A terminal's `load` event finishes a load whose `:finish` was lost on the road."""
    body = stored.event.body
    load = repository.get(session, str(body.get("load_id", "")))
    if load is not None and load.state != POSTED and stored.verdict == "accepted":
        after = body.get("balance_after")
        _end_by_event(context, session, load, str(body["outcome"]), str(body.get("tac")), after)
    return True


def _end_by_event(
    context: Context, session: Session, load: Load, outcome: str, tac: str, balance_after: object
) -> None:
    """A word that does not hold leaves the load as it is: the terminal is asked for its proof."""
    if outcome == VOIDED and load.state == PENDING:
        _void(context, session, load)
    elif outcome == POSTED and isinstance(balance_after, int):
        try:
            _check_tac(context, load, LoadEnd("tac", tac, balance_after))
            _post(context, session, load)
        except (LoadStateError, KeysError, ValueError, OverflowError):
            return


def _card(session: Session, wish: LoadWish) -> Card:
    """A replaced card may take back only what was unloaded from it: a transfer that is undone."""
    card = registry.card_by_asn(session, wish.asn)
    if card is None:
        raise PurseUnknownError(wish.asn)
    undone = wish.funding == LOST_CARD and unloads.coming_back(session, wish.asn)
    if not card.usable and card.status != "0" and not undone:
        raise PurseBlockedError(wish.asn)
    return card


def _same(load: Load, wish: LoadWish) -> Load:
    if (load.amount, load.terminal_no, load.funding) != (wish.amount, wish.terminal_no, wish.funding):
        raise LoadStateError(load.load_id)
    return load


def _source(session: Session, card: Card, wish: LoadWish) -> str:
    if wish.funding == BANK_ACCOUNT:
        return accounts.bank(card.bank)
    if wish.funding != LOST_CARD or waiting_credit(session, wish.asn) != wish.amount:
        raise LoadFundsError(wish.asn)
    return accounts.transfer(wish.asn)


def _void_earlier(context: Context, session: Session, wish: LoadWish) -> None:
    """A fresh MAC1 over an unmoved sequence proves that the earlier load of that sequence was never credited."""
    for earlier in repository.pending_of(session, wish.asn, wish.online_seq):
        _void(context, session, earlier)


def _post_earlier(context: Context, session: Session, wish: LoadWish) -> None:
    """A MAC1 over the next sequence proves that the load of the one before was credited, when there was only one."""
    earlier = repository.of_sequence(session, wish.asn, wish.online_seq - 1)
    if len(earlier) == 1 and earlier[0].state in (PENDING, UNCERTAIN):
        _post(context, session, earlier[0])


def _check_tac(context: Context, load: Load, end: LoadEnd) -> None:
    context.centre.check_load_tac(
        LoadTacInput(
            issuer=bytes.fromhex(load.issuer),
            asn=bytes.fromhex(load.asn),
            balance_after=load.balance + load.amount if end.balance_after < 0 else end.balance_after,
            online_seq=load.online_seq,
            amount=load.amount,
            terminal=bytes.fromhex(load.terminal_no),
            moment=Moment.from_digits(load.card_date, load.card_time),
            tac=bytes.fromhex(end.tac),
            key_version=load.key_version,
            algorithm=load.algorithm,
        )
    )


def _post(context: Context, session: Session, load: Load) -> str:
    if load.state == POSTED:
        return POSTED
    if not repository.claim(session, load):
        raise LoadStateError(load.load_id)
    if load.state == VOIDED:
        _book(context, session, load, "again", load.source, accounts.LOADING)
    card = registry.card_by_asn(session, load.asn)
    target = accounts.lost(load.asn) if accounts.frozen(card) else accounts.purse(load.asn)
    _book(context, session, load, "done", accounts.LOADING, target)
    return _end(context, session, load, POSTED)


def _void(context: Context, session: Session, load: Load) -> str:
    if load.state == VOIDED:
        return VOIDED
    if load.state == POSTED:
        raise LoadStateError(load.load_id)
    _book(context, session, load, "back", accounts.LOADING, load.source)
    return _end(context, session, load, VOIDED)


def _doubt(context: Context, session: Session, load: Load) -> str:
    """Moved on without a proof: the money stays held until the card is asked again."""
    return _end(context, session, load, UNCERTAIN) if load.state == PENDING else load.state


def _end(context: Context, session: Session, load: Load, state: str) -> str:
    repository.change(session, load.load_id, {"state": state, "finished_at": context.now_ms()})
    return state


def _book(context: Context, session: Session, load: Load, step: str, debit: str, credit: str) -> None:
    ledger.post(
        session,
        key=f"load:{load.load_id}:{step}",
        at_ms=context.now_ms(),
        debit=debit,
        credit=credit,
        fen=load.amount,
        memo=f"load {step}",
    )
