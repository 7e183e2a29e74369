"""Queries of the catalogue."""

from sqlalchemy import select

from server.catalogue.rows import CatalogueRow
from server.database import Session, put_once


def newest(session: Session) -> tuple[int, str] | None:
    """(version, canonical items)."""
    row = session.scalar(select(CatalogueRow).order_by(CatalogueRow.version.desc()).limit(1))
    return (row.version, row.items) if row else None


def publish(session: Session, version: int, items: str, at_ms: int, by: str) -> bool:
    return put_once(
        session, CatalogueRow, {"version": version, "published_at": at_ms, "published_by": by, "items": items}
    )
