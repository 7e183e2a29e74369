"""The holder's page: what was paid and why, and who used the card. Every reading is itself written down."""

from dataclasses import dataclass
from typing import ClassVar

from card.domain.event import EventId
from card.domain.identity import mask_name
from server.audit import service as audit
from server.audit.access import Access
from server.benefit import service as benefit
from server.context import Context, StoredEvent
from server.database import Session
from server.devices.device import Device
from server.errors import ServerError
from server.events import repository as events
from server.ledger import service as ledger
from server.ledger.posting import Side
from server.purse import accounts
from server.registry import repository as registry_rows
from server.registry import service as registry
from server.registry.card import Card

LINES = 50
# How old a verified PIN may be: the holder is still standing there.
PIN_MAX_AGE_MS = 300_000
CLASSES = {
    "card": ("持卡优惠票", "card fare"),
    "senior-half": ("65至69岁半价", "half fare, 65 to 69"),
    "senior-free": ("70岁以上免费", "free ride, 70 and over"),
    "full": ("全价", "full fare"),
}
LOAD_STEPS = {"done": ("充值到账", "load credited")}
MOVES = {
    "card lost": ("挂失，余额冻结", "card reported lost, balance held"),
    "card found": ("解挂，余额恢复", "card found, balance restored"),
}


class PinStaleError(ServerError):
    """The PIN was not verified just now."""

    code: ClassVar[str] = "E-PIN-STALE"


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of the purse, or (kind `benefit`) a benefit and what became of it: `amount` fen, positive for the
    holder, 0 for a benefit that has not reached the account."""

    at: int
    kind: str
    amount: int
    why_zh: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Statement:
    name_masked: str
    purse_book_balance: int
    waiting_credit: int
    lines: tuple[Line, ...]


def statement(context: Context, session: Session, device: Device, card_id: str, pin_at: int) -> Statement:
    """The holder's statement. CardUnknownError, PinStaleError."""
    card = _open(context, session, device, card_id, pin_at, "statement")
    name = mask_name(registry.holder(session, card).name)
    account = accounts.purse(card.asn)
    moved = [_line(session, side) for side in ledger.lines(session, account, LINES)]
    paid = [_benefit(line) for line in benefit.lines_for_person(session, card.person_id)[-LINES:]]
    lines = tuple(sorted(moved + paid, key=lambda line: line.at))
    waiting = accounts.held(session, accounts.transfer(card.asn))
    return Statement(name, accounts.held(session, account), waiting, lines)


def uses(context: Context, session: Session, device: Device, card_id: str, pin_at: int) -> list[Access]:
    """Who used or read the holder's cards, newest first; this reading is the first of them."""
    card = _open(context, session, device, card_id, pin_at, "who used my card")
    return audit.who_used(session, card.person_id)


def _open(context: Context, session: Session, device: Device, card_id: str, pin_at: int, what: str) -> Card:
    if not 0 <= context.now_ms() - pin_at <= PIN_MAX_AGE_MS:
        raise PinStaleError(card_id)
    card = registry.card(session, card_id)
    audit.log(context, session, actor=device.device_id, action="read", card=card, place=device.site, detail=what)
    return card


def _line(session: Session, side: Side) -> Line:
    kind, why = _why(session, side)
    return Line(side.at_ms, kind, -side.fen, *why)


def _benefit(line: benefit.BenefitLine) -> Line:
    """What came into the bank account, why and from whom; a benefit that did not come says why not."""
    return Line(line.at_ms, "benefit", line.fen if line.state == "PAID" else 0, line.why_zh, line.why_en)


def _why(session: Session, side: Side) -> tuple[str, tuple[str, str]]:
    source, _, rest = side.key.partition(":")
    if source == "load":
        return "load", LOAD_STEPS.get(rest.partition(":")[2], ("充值", "load"))
    if side.memo in MOVES:
        return "held", MOVES[side.memo]
    if side.event:
        return "bus", _ride(session, side)
    return "other", (side.memo, side.memo)


def _ride(session: Session, side: Side) -> tuple[str, str]:
    terminal, epoch, seq = str(side.event).split(".")
    stored = events.stored(session, EventId(terminal, epoch, int(seq)))
    if stored is None:
        return "乘车", "bus ride"
    line = str(stored.event.body.get("line", ""))
    zh, en = CLASSES.get(str(stored.event.decision.get("price_class")), ("", ""))
    return f"乘车 {line} {zh}".strip(), f"bus {line} {en}".strip()


def project(context: Context, session: Session, stored: StoredEvent) -> bool:
    """A card opened at a kiosk or counter: one line in the holder's log."""
    body, actor = stored.event.body, stored.event.id.terminal
    card = registry_rows.card(session, str(body.get("card_id", "")))
    detail = f"{stored.event.decision.get('answer')} {body.get('action', '')}".strip()
    kind, place = stored.event.type, str(body.get("site", ""))
    audit.log(context, session, actor=actor, action=kind, card=card, place=place, detail=detail, at_ms=stored.event.at)
    return True
