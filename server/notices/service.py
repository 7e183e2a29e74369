"""Leave a notice for a device; hand out what it has not acknowledged."""

import json

from card.domain.event import canonical
from server.context import Context
from server.database import Session
from server.devices import repository as devices
from server.notices import repository

STAY_RECEIPT = "stay_receipt"
LOAD_PROOF_WANTED = "load_proof_wanted"
FACTS_WANTED = "facts_wanted"
DOUBLE_ENTRY = "double_entry"
PAGE = 100


def leave(context: Context, session: Session, device_id: str, kind: str, body: dict[str, object]) -> int:
    """Add a notice; its position, 0 when the device is not known here."""
    position = devices.next_notice_position(session, device_id)
    if position is None:
        return 0
    repository.add(session, device_id, position, kind, canonical(body).decode(), context.now_ms())
    return position


def fetch(context: Context, session: Session, device_id: str, after: int) -> list[dict[str, object]]:
    """Notices behind `after`, which acknowledges those up to it."""
    repository.take(session, device_id, after, context.now_ms())
    rows = repository.after(session, device_id, after, PAGE)
    return [{"position": position, "kind": kind, "body": json.loads(body)} for position, kind, body in rows]
