"""The operator's desk: card operations through issuance, projection of the outbox, and the state of the whole house."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from issuance import outbox
from issuance.lifecycle import Lifecycle
from server.audit import service as audit
from server.context import Context
from server.database import Session
from server.devices import repository as devices
from server.errors import ServerError
from server.events import repository as events
from server.facts import repository as facts
from server.facts import service as facts_service
from server.hotel import repository as stays
from server.hotel import service as hotel
from server.ledger import repository as ledger_rows
from server.ledger import service as ledger
from server.purse import accounts, lost
from server.purse import repository as loads
from server.registry import service as registry

OUTBOX_PAGE = 500
LOAD_STATES = ("pending", "posted", "voided", "uncertain")
# What follows a change of a card, in this order: the list first, then its money.
FOLLOWERS: Sequence[registry.Follower] = (facts_service.follow_card, lost.follow_card)


class NoIssuanceError(ServerError):
    """This server is not connected to an issuance store."""

    code: ClassVar[str] = "E-NO-ISSUANCE"


class LossKindError(ServerError):
    """A loss is temporary or formal."""

    code: ClassVar[str] = "E-LOSS-KIND"


class DayNotOverError(ServerError):
    """Only a past business day can be closed."""

    code: ClassVar[str] = "E-DAY-NOT-OVER"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """`position` of the issuance outbox taken over; `stays` answered by the police; rests of lost cards."""

    position: int
    changed: int
    stays: int
    releases: tuple[lost.Release, ...]


def sync(context: Context) -> SyncReport:
    """Take over what issuance says, release lost money whose time has come, send waiting stays to the police."""
    changed = _project(context)
    with context.store.transaction() as session:
        releases = tuple(lost.release_all(context, session))
        position = registry.position(session)
    return SyncReport(position, changed, hotel.forward(context), releases)


def lifecycle(context: Context) -> Lifecycle:
    """Issuance's operations on cards, or NoIssuanceError."""
    if context.connectors.issuance is None:
        raise NoIssuanceError
    return Lifecycle(context.connectors.issuance, clock=context.clock, banks=context.connectors.accounts)


def operate(context: Context, actor: str, card_id: str, action: str, step: Callable[[Lifecycle], Any]) -> SyncReport:
    """Do one card operation in issuance, take its outcome over at once, and write down who did it."""
    step(lifecycle(context))
    report = sync(context)
    with context.store.transaction() as session:
        audit.log(context, session, actor=actor, action=action, card=registry.card(session, card_id))
    return report


def report_loss(context: Context, actor: str, card_id: str, kind: str) -> SyncReport:
    """临时挂失 or 正式挂失. LossKindError."""
    steps = {"temporary": lambda life: life.temp_loss(card_id), "formal": lambda life: life.formal_loss(card_id)}
    if kind not in steps:
        raise LossKindError(kind)
    return operate(context, actor, card_id, f"{kind}-loss", steps[kind])


def invariants(context: Context) -> dict[str, Any]:
    """What must hold at any moment, with the figures behind it: {name: {"ok", "value"}}."""
    with context.store.reading() as session:
        unbalanced = ledger_rows.unbalanced(session)
        sums = ledger.balances(session)
        once = _posted_once(session)
        return {
            "ledger_pairs": {"ok": not unbalanced, "value": unbalanced[:10]},
            "ledger_sums_to_zero": {"ok": sum(sums.values()) == 0, "value": int(sum(sums.values()))},
            "events_posted_once": {"ok": not any(once.values()), "value": once},
            "events_carried": {"ok": events.waiting(session) == 0, "value": events.waiting(session)},
            "purse_books": {"ok": True, "value": _purses(sums)},
            "suspense": {"ok": True, "value": {name: -int(fen) for name, fen in sums.items() if "suspense" in name}},
            "scheme_loss": {"ok": True, "value": int(sums.get(accounts.SCHEME_LOSS, 0))},
            "events_by_verdict": {"ok": True, "value": events.counts(session)},
            "refusals": {"ok": True, "value": events.refusals(session)},
            "loads": {"ok": True, "value": {s: len(loads.in_state(session, s)) for s in LOAD_STATES}},
            "stays": {"ok": True, "value": stays.counts(session)},
            "facts": {"ok": True, "value": facts.versions(session)},
            "acknowledged": {"ok": True, "value": _acknowledged(session)},
        }


def _project(context: Context) -> int:
    engine = context.connectors.issuance
    if engine is None:
        return 0
    changed = 0
    while True:
        with context.store.transaction() as session:
            done = registry.position(session)
            rows = outbox.read(engine, done, OUTBOX_PAGE)
            changed += registry.project(context, session, rows, FOLLOWERS)
        if len(rows) < OUTBOX_PAGE:
            return changed


def _purses(sums: dict[str, Any]) -> dict[str, int]:
    prefix = accounts.purse("")
    return {name.removeprefix(prefix): -int(fen) for name, fen in sums.items() if name.startswith(prefix)}


def _posted_once(session: Session) -> dict[str, list[str]]:
    """Debits the intake took that no posting stands for, and postings whose event is not such a debit."""
    posted = ledger_rows.events_posted(session)
    taken = {event for event, verdict in events.money_events(session) if verdict == "accepted"}
    known = {event for event, _ in events.money_events(session)} | events.held_events(session)
    return {"missing": sorted(taken - posted)[:10], "unknown": sorted(posted - known)[:10]}


def _acknowledged(session: Session) -> dict[str, dict[str, int]]:
    everybody = devices.everybody(session)
    by_kind = {kind: devices.acknowledged(session, kind) for kind in facts_service.KINDS}
    return {
        device.device_id: {kind: held[device.device_id] for kind, held in by_kind.items() if device.device_id in held}
        for device in everybody
    }
