"""Queries of the facts."""

from collections.abc import Sequence

from sqlalchemy import bindparam, or_, select, update

from server.database import Session, put_once
from server.facts.listed import Issue, Listed
from server.facts.rows import FactsVersionRow, HotlistRow

ISSUE_FIELDS = tuple(Issue.__slots__)
LISTED_FIELDS = tuple(Listed.__slots__)
STANDING = select(HotlistRow).where(
    HotlistRow.medium_id.in_(bindparam("ids", expanding=True)), HotlistRow.removed.is_(None)
)


def newest(session: Session, kind: str) -> Issue | None:
    query = select(FactsVersionRow).where(FactsVersionRow.kind == kind).order_by(FactsVersionRow.version.desc())
    return _issue(session.scalar(query.limit(1)))


def at_version(session: Session, kind: str, version: int) -> Issue | None:
    return _issue(session.get(FactsVersionRow, (kind, version)))


def versions(session: Session) -> dict[str, int]:
    """Newest version of every kind."""
    query = select(FactsVersionRow.kind, FactsVersionRow.version).order_by(FactsVersionRow.version)
    return {row.kind: row.version for row in session.execute(query)}


def issue(session: Session, new: Issue) -> bool:
    """Write a version; False when somebody else issued that number."""
    return put_once(session, FactsVersionRow, {name: getattr(new, name) for name in ISSUE_FIELDS})


def listed_now(session: Session, media: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Listed]:
    """The standing entries among `media`."""
    among = {"ids": [medium_id for _, medium_id in media]}
    found = (_listed(row) for row in session.scalars(STANDING, among, execution_options={"populate_existing": True}))
    return {(item.medium, item.medium_id): item for item in found if item and (item.medium, item.medium_id) in media}


def add(session: Session, entry: Listed) -> None:
    put_once(session, HotlistRow, {name: getattr(entry, name) for name in LISTED_FIELDS})


def take_off(session: Session, entry: Listed, version: int) -> None:
    where = (
        HotlistRow.medium == entry.medium,
        HotlistRow.medium_id == entry.medium_id,
        HotlistRow.added == entry.added,
    )
    session.execute(update(HotlistRow).where(*where).values(removed=version))


def entries_at(session: Session, version: int) -> list[str]:
    """The whole list of a version, sorted."""
    where = (HotlistRow.added <= version, or_(HotlistRow.removed.is_(None), HotlistRow.removed > version))
    return sorted(session.scalars(select(HotlistRow.entry).where(*where)))


def changed_between(session: Session, base: int, version: int) -> list[Listed]:
    """Entries that came or went after `base`, up to `version`."""
    came = HotlistRow.added.between(base + 1, version)
    went = HotlistRow.removed.between(base + 1, version)
    return [found for row in session.scalars(select(HotlistRow).where(or_(came, went))) if (found := _listed(row))]


def media_listed(session: Session, medium: int, medium_ids: list[str]) -> list[Listed]:
    """Every entry, past and present, of these media."""
    where = (HotlistRow.medium == medium, HotlistRow.medium_id.in_(medium_ids))
    return [found for row in session.scalars(select(HotlistRow).where(*where)) if (found := _listed(row))]


def named_since(session: Session, card_id: str) -> int | None:
    """First version of the standing entries that name a card; None when it is not listed."""
    where = (HotlistRow.card_id == card_id, HotlistRow.removed.is_(None))
    return session.scalar(select(HotlistRow.added).where(*where).order_by(HotlistRow.added).limit(1))


def _issue(row: FactsVersionRow | None) -> Issue | None:
    return Issue(**{name: getattr(row, name) for name in ISSUE_FIELDS}) if row else None


def _listed(row: HotlistRow | None) -> Listed | None:
    return Listed(**{name: getattr(row, name) for name in LISTED_FIELDS}) if row else None
