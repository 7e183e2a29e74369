"""Entries by code: a granted entry stays granted; one code at two sites is marked on both and told to both."""

from server.audit import service as audit
from server.context import Context, StoredEvent
from server.database import Session
from server.devices import repository as devices
from server.notices import service as notices
from server.registry import repository as registry
from server.scenic import repository


def project(context: Context, session: Session, stored: StoredEvent) -> bool:
    """An entry becomes a row; the second one of a code becomes a `double_entry`, never a failure."""
    body = stored.event.body
    if body.get("outcome") == "posted" and stored.verdict == "accepted":
        _enter(context, session, stored)
    cards = registry.cards_by_ecard(session, str(body.get("ecard_serial", ""))[:19])
    place = f"{body.get('operator', '')} {body.get('site', '')}".strip()
    detail = f"{stored.event.decision.get('answer')} {body.get('outcome')} {body.get('price_class', '')}".strip()
    card = cards[-1] if cards else None
    actor = stored.event.id.terminal
    audit.log(
        context, session, actor=actor, action="scenic", card=card, place=place, detail=detail, at_ms=stored.event.at
    )
    return True


def _enter(context: Context, session: Session, stored: StoredEvent) -> None:
    body = stored.event.body
    key = str(body["replay_key"])
    repository.add(
        session,
        {
            "event": stored.id,
            "replay_key": key,
            "terminal": stored.event.id.terminal,
            "operator": str(body["operator"]),
            "site": str(body["site"]),
            "at_ms": stored.event.at,
            "price": int(str(body.get("price", 0))),
            "price_class": str(body.get("price_class", "")),
            "double_of": "",
        },
    )
    others = repository.with_key(session, key, stored.id)
    if not others:
        return
    first = others[0]
    repository.mark_double(session, stored.id, first.event)
    told: dict[str, object] = {"replay_key": key, "first": first.event, "second": stored.id}
    for terminal in sorted({first.terminal, stored.event.id.terminal}):
        device = devices.by_terminal(session, terminal)
        if device is not None:
            notices.leave(context, session, device.device_id, notices.DOUBLE_ENTRY, told)
