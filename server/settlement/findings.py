"""Differences are kept until a later look no longer finds them."""

from collections.abc import Sequence

from server.database import Session
from server.settlement import repository
from server.settlement.differences import Difference, Found
from server.settlement.rows import DifferenceRow


def remember(session: Session, scope: str, found: Sequence[Found], at_ms: int) -> None:
    """Store what was found in `scope`, close what is gone, open again what is back."""
    known = {(row.kind, row.subject): row for row in repository.differences(session, scope)}
    for item in found:
        row = known.pop((item.kind.value, item.subject), None)
        if row is None:
            row = DifferenceRow(scope=scope, kind=item.kind.value, subject=item.subject, found_at=at_ms)
            session.add(row)
        row.ours, row.theirs, row.note, row.closed_at = item.ours, item.theirs, item.note, None
    for row in known.values():
        row.closed_at = row.closed_at or at_ms
    session.flush()


def standing(session: Session) -> list[Found]:
    """Every difference nobody has settled."""
    return [
        Found(Difference(row.kind), row.subject, row.ours, row.theirs, f"{row.scope} {row.note}".strip())
        for row in repository.open_differences(session)
    ]
