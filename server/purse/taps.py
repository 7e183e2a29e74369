"""Bus fares in the books: purse to operator, suspense for lost cards and uncertain taps, and what resolves them."""

from typing import Any

from card.domain.event import EventId
from server.audit import service as audit
from server.context import Context, StoredEvent
from server.database import Session
from server.events import repository as events
from server.ledger import service as ledger
from server.purse import accounts
from server.registry import repository as registry
from server.registry.card import Card

POSTED, VOIDED, UNCERTAIN = "posted", "voided", "uncertain"
# A suspect event without the card's own word moves no money: nobody has shown that the purse was debited.
UNATTESTED = frozenset({"E-EVENT-TAC", "E-EVENT-BODY"})


def project(context: Context, session: Session, stored: StoredEvent) -> bool:
    """One bus tap: its fare, if any, and the line in the holder's log."""
    body = stored.event.body
    card = _card(session, body)
    if body.get("outcome") in (POSTED, UNCERTAIN) and stored.code not in UNATTESTED:
        _book_fare(context, session, stored, card)
    _note(context, session, stored, card)
    return True


def resolve(context: Context, session: Session, stored: StoredEvent) -> bool:
    """A later proof of an uncertain tap. False while the tap itself has not been carried into the books."""
    of: Any = stored.event.body["of"]
    first = EventId(str(of["terminal"]), str(of["epoch"]), int(of["seq"]))
    held = [posting for posting in ledger.of_event(session, str(first)) if posting.credit == accounts.UNCERTAIN]
    if not held:
        # Unknown, or not yet carried: ask again. A first event that never held money has nothing to resolve.
        known = events.stored(session, first)
        return known is not None and known.event.body.get("outcome") != UNCERTAIN
    if stored.code in UNATTESTED:
        return True
    for place, posting in enumerate(held):
        debited = stored.event.body.get("outcome") == POSTED
        credit = (
            accounts.operator(str(stored.event.body["operator"])) if debited else _giver(session, posting.debit, stored)
        )
        ledger.post(
            session,
            key=f"event:{stored.id}:{place}",
            at_ms=context.now_ms(),
            debit=accounts.UNCERTAIN,
            credit=credit,
            fen=posting.fen,
            memo="uncertain tap proven" if debited else "uncertain tap void",
            event=stored.id,
        )
    return True


def _book_fare(context: Context, session: Session, stored: StoredEvent, card: Card | None) -> None:
    body = stored.event.body
    asn, fen = str(body["asn"]), int(str(body["amount"]))
    credit = _taker(stored)
    for place, (debit, part) in enumerate(accounts.charge(session, card, asn, fen)):
        ledger.post(
            session,
            key=f"event:{stored.id}" + (f":{place}" if place else ""),
            at_ms=context.now_ms(),
            debit=debit,
            credit=credit,
            fen=part,
            memo=f"bus {body.get('line', '')}",
            event=stored.id,
        )


def _taker(stored: StoredEvent) -> str:
    body = stored.event.body
    if body.get("outcome") == UNCERTAIN:
        return accounts.UNCERTAIN
    name = str(body["operator"])
    return accounts.suspect(name) if stored.verdict == "suspect" else accounts.operator(name)


def _giver(session: Session, debit: str, stored: StoredEvent) -> str:
    """Who gets an uncertain fare back: the account that bore it, or its suspense when the card was lost meanwhile."""
    card = _card(session, stored.event.body)
    asn = str(stored.event.body.get("asn", ""))
    return accounts.lost(asn) if debit == accounts.purse(asn) and accounts.frozen(card) else debit


def _card(session: Session, body: dict[str, object]) -> Card | None:
    asn = str(body.get("asn", ""))
    return registry.card_by_asn(session, asn) if asn else None


def _note(context: Context, session: Session, stored: StoredEvent, card: Card | None) -> None:
    body, decision = stored.event.body, stored.event.decision
    detail = f"{decision.get('answer')} {body.get('outcome')} {body.get('amount', 0)}"
    place = f"{body.get('operator', '')} {body.get('line', '')}".strip()
    actor = stored.event.id.terminal
    audit.log(context, session, actor=actor, action="bus", card=card, place=place, detail=detail, at_ms=stored.event.at)
