"""Queries of codes."""

from sqlalchemy import select, update

from server.codes.rows import CodeSeenRow, TokenRow
from server.database import Session, put_once


def see(session: Session, replay_key: str, terminal: str, at_ms: int) -> tuple[bool, int, str]:
    """(first time, seen at, seen by)."""
    first = put_once(session, CodeSeenRow, {"replay_key": replay_key, "terminal": terminal, "seen_at": at_ms})
    row = session.scalars(select(CodeSeenRow).where(CodeSeenRow.replay_key == replay_key)).one()
    return first, row.seen_at, row.terminal


def keep_token(session: Session, lookup: bytes, card_id: str, issued_at: int) -> None:
    values = {"lookup": lookup, "card_id": card_id, "issued_at": issued_at}
    put_once(session, TokenRow, values | {"used_at": None, "used_by": "", "business_type": ""})


def use_token(session: Session, lookup: bytes, at_ms: int, by: str, business_type: str) -> tuple[str, int] | None:
    """(card id, issued at) of a token used now for the first time, else None."""
    query = update(TokenRow).where(TokenRow.lookup == lookup, TokenRow.used_at.is_(None))
    query = query.values(used_at=at_ms, used_by=by, business_type=business_type)
    row = session.execute(query.returning(TokenRow.card_id, TokenRow.issued_at)).first()
    return (row.card_id, row.issued_at) if row else None
