"""Stays: from the event to the police desk, and the receipt back to the hotel by notice."""

from server.audit import service as audit
from server.context import Context, StoredEvent
from server.database import Session
from server.devices import repository as devices
from server.hotel import repository
from server.hotel.police import PoliceDownError, StayReceipt, StayReport
from server.notices import service as notices
from server.registry import repository as registry
from server.registry.card import Card

FORWARD_PAGE = 100
SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"


def project(context: Context, session: Session, stored: StoredEvent) -> bool:
    """A registered guest becomes a stay that waits for the police; every use stands in the holder's log."""
    body = stored.event.body
    card = registry.card(session, str(body.get("card_id", "")))
    if body.get("outcome") == "posted" and stored.verdict == "accepted":
        repository.add(session, _stay(session, stored, card))
    place = f"{body.get('operator', '')} {body.get('site', '')}".strip()
    detail = f"{stored.event.decision.get('answer')} {body.get('outcome')}"
    actor = stored.event.id.terminal
    at = stored.event.at
    audit.log(context, session, actor=actor, action="hotel", card=card, place=place, detail=detail, at_ms=at)
    return True


def forward(context: Context) -> int:
    """Send waiting stays to the police and leave receipts; how many were answered. A desk that is down ends it."""
    desk = context.connectors.police
    if desk is None:
        return 0
    with context.store.reading() as session:
        waiting = repository.waiting(session, FORWARD_PAGE)
    answered = 0
    for event, terminal, report in waiting:
        try:
            receipt = desk.register_stay(report)
        except PoliceDownError:
            with context.store.transaction() as session:
                repository.tried(session, event)
            return answered
        with context.store.transaction() as session:
            answered += _record(context, session, event, terminal, report, receipt)
    return answered


def _record(
    context: Context, session: Session, event: str, terminal: str, report: StayReport, receipt: StayReceipt
) -> bool:
    values = {"state": receipt.result, "receipt_no": receipt.receipt_no, "answered_at": context.now_ms()}
    if not repository.answered(session, event, values):
        return False
    device = devices.by_terminal(session, terminal)
    if device is not None:
        body: dict[str, object] = {
            "stay_id": report.stay_id,
            "event": event,
            "receipt_no": receipt.receipt_no,
            "result": receipt.result,
            "reason": receipt.reason,
        }
        notices.leave(context, session, device.device_id, notices.STAY_RECEIPT, body)
    return True


def _stay(session: Session, stored: StoredEvent, card: Card | None) -> dict[str, object]:
    body = stored.event.body
    return {
        "event": stored.id,
        "stay_id": str(body["stay_id"]),
        "terminal": stored.event.id.terminal,
        "operator": str(body["operator"]),
        "site": str(body["site"]),
        "room": str(body.get("room", "")),
        "card_id": str(body["card_id"]),
        "check_in": int(str(body.get("check_in", stored.event.at))),
        "guests": int(str(body.get("guests", 1))),
        "name": str(body.get("name", "")),
        "id_no": str(body.get("id_no", "")),
        "sex": str(body.get("sex", "")),
        "nation": str(body.get("nation", "")),
        "birth_date": str(body.get("birth_date", "")),
        "matches": _matches(session, body, card),
        "state": "waiting",
        "tries": 0,
        "receipt_no": "",
        "answered_at": None,
    }


def _matches(session: Session, body: dict[str, object], card: Card | None) -> str:
    """The chip is proven, its holder's data is not: compare with the registry (contract §5)."""
    person = registry.person(session, card.person_id) if card else None
    if person is None:
        return UNKNOWN
    return SAME if (person.name, person.id_no) == (body.get("name"), body.get("id_no")) else DIFFERENT
