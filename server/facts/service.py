"""Issue facts: versions counted up, differences for the hotlist, signed on the way out."""

import json
from dataclasses import replace
from typing import Any, ClassVar

from card.domain.event import canonical
from card.domain.lifecycle import ListReason, Medium
from keys.facts import FactsHeader, seal_bundle
from server.context import Context
from server.database import Session
from server.errors import ServerError
from server.facts import repository
from server.facts.listed import Issue, Listed, entry_of
from server.registry import repository as registry
from server.registry.card import Card

HOTLIST = "hotlist"
KINDS = (HOTLIST, "tariff", "trust", "catalogue", "policy")
# A version is issued anew, unchanged, when a quarter of its life is over: a terminal that asks stays fresh.
REFRESH_SHARE = 4


class FactsNoneError(ServerError):
    """This kind of facts does not exist or was never issued."""

    code: ClassVar[str] = "E-FACTS-NONE"


def publish(context: Context, session: Session, kind: str, entries: list[dict[str, Any]]) -> int:
    """Issue `entries` of a kind other than the hotlist; its new version, or the present one when nothing changed."""
    text = canonical(entries).decode()
    present = repository.newest(session, kind)
    if present is not None and present.entries == text:
        return present.version
    return _issue(context, session, kind, text).version


def bundle(context: Context, session: Session, kind: str, have: int) -> dict[str, Any] | None:
    """The signed bundle for a device that holds version `have`; None when there is nothing newer."""
    issue = fresh(context, session, kind)
    if have == issue.version:
        return None
    delta = kind == HOTLIST and 0 < have < issue.version
    header = FactsHeader(
        kind, context.config.region, issue.version, issue.issued_at, issue.max_age_s, have if delta else 0
    )
    entries: Any = json.loads(issue.entries) if kind != HOTLIST else repository.entries_at(session, issue.version)
    if delta:
        entries = _difference(session, have, issue.version)
    return seal_bundle(context.centre.facts_signer(), header, entries)


def fresh(context: Context, session: Session, kind: str) -> Issue:
    """The newest version, issued anew first when a good part of its life is over. FactsNoneError."""
    issue = repository.newest(session, kind) if kind in KINDS else None
    if issue is None:
        raise FactsNoneError(kind)
    age_s = (context.now_ms() - issue.issued_at) // 1000
    if age_s * REFRESH_SHARE > issue.max_age_s:
        return _issue(context, session, kind, issue.entries)
    return issue


def entries(session: Session, kind: str, version: int) -> list[dict[str, Any]] | None:
    """The entries of a past version of a kind other than the hotlist."""
    issue = repository.at_version(session, kind, version)
    return json.loads(issue.entries) if issue and issue.entries else None


def current(session: Session, kind: str) -> list[dict[str, Any]]:
    """The entries of the newest version, [] when there is none."""
    issue = repository.newest(session, kind)
    return json.loads(issue.entries) if issue and issue.entries else []


def open_hotlist(context: Context, session: Session) -> None:
    """Issue version 1 of an empty list, so that terminals have one."""
    if repository.newest(session, HOTLIST) is None:
        _issue(context, session, HOTLIST, "")


def follow_card(context: Context, session: Session, _before: Card | None, card: Card) -> None:
    """A card changed: put its media on the list, change their reason, or take them off; one new version if needed."""
    changes = []
    listed = repository.listed_now(session, [(medium.value, raw.hex()) for medium, raw in card.media()])
    for medium, raw in card.media():
        standing = listed.get((medium.value, raw.hex()))
        reason = _reason(session, card, medium)
        if (standing.reason if standing else None) != (reason.value if reason else None):
            changes.append((medium, raw, standing, reason))
    if not changes:
        return
    version = _issue(context, session, HOTLIST, "").version
    key = context.centre.list_key()
    for medium, raw, standing, reason in changes:
        if standing is not None:
            repository.take_off(session, standing, version)
        if reason is not None:
            entry = entry_of(key, medium, raw, reason)
            repository.add(session, Listed(medium.value, raw.hex(), version, None, reason.value, card.card_id, entry))


def _reason(session: Session, card: Card, medium: Medium) -> ListReason | None:
    """An e-card serial that a usable card carries is not refused: after a replacement it lives on."""
    if card.list_reason is None:
        return None
    if medium is Medium.ECARD and any(other.usable for other in registry.cards_by_ecard(session, card.ecard_serial)):
        return None
    return card.list_reason


def _difference(session: Session, base: int, version: int) -> dict[str, list[str]]:
    changed = repository.changed_between(session, base, version)
    before = {item.entry for item in changed if item.stands_at(base)}
    after = {item.entry for item in changed if item.stands_at(version)}
    return {"add": sorted(after - before), "remove": sorted(before - after)}


def _issue(context: Context, session: Session, kind: str, text: str) -> Issue:
    present = repository.newest(session, kind)
    age = context.config.hotlist_max_age_s if kind == HOTLIST else context.config.facts_max_age_s
    issue = Issue(kind, present.version + 1 if present else 1, context.now_ms(), age, text)
    while not repository.issue(session, issue):
        issue = replace(issue, version=issue.version + 1)
    return issue
