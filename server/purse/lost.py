"""The money of a lost card: into suspense when reported, to the new card when no terminal can accept the old.

Late offline taps are charged to the suspense; what it cannot bear is scheme loss (contract §5).
"""

from dataclasses import dataclass

from server.context import Context
from server.database import Session
from server.devices import repository as devices
from server.devices.device import TERMINALS
from server.facts import repository as facts
from server.facts.service import HOTLIST
from server.ledger import service as ledger
from server.purse import accounts
from server.registry import repository as registry
from server.registry.card import Card


@dataclass(frozen=True, slots=True)
class Release:
    """What stands between a lost purse and its successor. `waiting_for`: devices that have not taken the list."""

    old_asn: str
    new_asn: str
    fen: int
    released: bool
    waiting_for: tuple[str, ...] = ()


def follow_card(context: Context, session: Session, before: Card | None, card: Card) -> None:
    """A card's state changed: freeze its money, or thaw it when the card is found again."""
    if not card.asn or before is None or accounts.frozen(before) == accounts.frozen(card):
        return
    purse, lost = accounts.purse(card.asn), accounts.lost(card.asn)
    source, target = (purse, lost) if accounts.frozen(card) else (lost, purse)
    fen = accounts.held(session, source)
    if fen:
        debit, credit = (source, target) if fen > 0 else (target, source)
        ledger.post(
            session,
            key=f"card:{card.card_id}:{card.version}",
            at_ms=context.now_ms(),
            debit=debit,
            credit=credit,
            fen=abs(fen),
            memo="card lost" if accounts.frozen(card) else "card found",
        )


def release_all(context: Context, session: Session) -> list[Release]:
    """Move every rest whose time has come towards the new card; the state of those still waiting."""
    found = []
    for account in ledger.balances(session, accounts.lost("")):
        asn = account.rsplit(":", 1)[1]
        fen = accounts.held(session, account)
        release = _release(context, session, asn, fen) if fen > 0 else None
        if release is not None:
            found.append(release)
    return found


def _release(context: Context, session: Session, asn: str, fen: int) -> Release | None:
    old = registry.card_by_asn(session, asn)
    new = registry.successor(session, old.card_id) if old else None
    if old is None or new is None or not new.usable or not new.asn:
        return None
    missing = blind(context, session, old)
    if missing:
        return Release(asn, new.asn, fen, False, missing)
    ledger.post(
        session,
        key=f"lost:{asn}:to:{new.asn}:{fen}:{context.now_ms()}",
        at_ms=context.now_ms(),
        debit=accounts.lost(asn),
        credit=accounts.transfer(new.asn),
        fen=fen,
        memo="rest of a lost card",
    )
    return Release(asn, new.asn, fen, True)


def blind(context: Context, session: Session, card: Card) -> tuple[str, ...]:
    """Terminals that may still accept `card`: they have not acknowledged the list that names it, nor has every list
    without it outlived its age limit."""
    named = facts.named_since(session, card.card_id)
    if named is None:
        return ("hotlist",)
    issue = facts.at_version(session, HOTLIST, named)
    if issue is not None and context.now_ms() > issue.ends_ms():
        return ()
    held = devices.acknowledged(session, HOTLIST)
    terminals = [device.device_id for device in devices.everybody(session) if device.kind in TERMINALS]
    return tuple(name for name in terminals if held.get(name, 0) < named)
