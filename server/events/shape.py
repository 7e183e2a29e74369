"""What a body must hold before anybody books it: checked at intake, so that what is stored can always be carried."""

import re
from collections.abc import Mapping
from typing import Any

from card.domain.event import EventFormatError, EventId, TapEvent

OUTCOMES = frozenset({"posted", "voided", "uncertain", "none"})
MONEY_MAX = 1 << 31
TEXT_MAX = 200
# The card's four bytes, or "" when it gave none.
TAC = re.compile("([0-9a-f]{8})?")
# Members that the books read, by type of event; further members are the terminal's own.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "bus": ("operator", "line", "asn"),
    "resolution": ("operator", "asn"),
    "hotel": ("operator", "site", "stay_id", "card_id", "room", "name", "id_no", "sex", "nation", "birth_date"),
    "scenic": ("operator", "site", "replay_key", "ecard_serial", "price_class"),
    "load": ("load_id", "tac"),
    "kiosk": ("card_id",),
    "counter": ("card_id",),
}
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "bus": ("amount",),
    "resolution": ("amount",),
    "scenic": ("price",),
    "load": ("balance_after",),
}
# Read when there, with a default when not.
OPTIONAL: Mapping[str, tuple[str, ...]] = {"hotel": ("guests", "check_in")}
# Only what was done is booked; a denial needs no more than its outcome.
BOOKED = frozenset({"posted", "uncertain"})


def carriable(event: TapEvent) -> bool:
    """Whether the books can read this event."""
    body = event.body
    outcome = body.get("outcome")
    if outcome not in OUTCOMES:
        return False
    if event.type == "resolution" and not _names_an_event(body.get("of")):
        return False
    if outcome not in BOOKED and event.type != "resolution":
        return True
    if event.type == "load" and not TAC.fullmatch(str(body.get("tac"))):
        return False
    return (
        all(_is_text(body.get(name)) for name in TEXTS.get(event.type, ()))
        and all(_is_number(body.get(name)) for name in NUMBERS.get(event.type, ()))
        and all(_is_instant(body[name]) for name in OPTIONAL.get(event.type, ()) if name in body)
    )


def _names_an_event(of: Any) -> bool:
    if not isinstance(of, Mapping) or set(of) != {"terminal", "epoch", "seq"}:
        return False
    if not isinstance(of["terminal"], str) or not isinstance(of["epoch"], str) or not _is_instant(of["seq"]):
        return False
    try:
        EventId(of["terminal"], of["epoch"], of["seq"])
    except EventFormatError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_MAX and "\x00" not in value


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value < MONEY_MAX


def _is_instant(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53
