"""Certify, ask, withdraw. Card taps alone never certify: a card can be used by somebody else."""

from card.domain.clock import business_date, from_ms
from server.database import Session
from server.eligibility import repository
from server.errors import ServerError

# business-rules §5.8 (A): at least once every twelve months.
CYCLE_MONTHS = 12
WEAK_SOURCES = frozenset({"bus", "hotel", "scenic"})


class WeakEvidenceError(ServerError):
    """A tap of the card: somebody else may have held it."""

    code = "E-EVIDENCE-WEAK"


def certify(session: Session, *, person_id: str, item: str, source: str, evidence: str, at_ms: int) -> str:
    """Record a certification of today and return its last valid day (YYYYMMDD). WeakEvidenceError."""
    if source in WEAK_SOURCES:
        raise WeakEvidenceError(source)
    day = business_date(from_ms(at_ms))
    # The same day a year on, never later than the 28th: every month has one.
    valid_to = f"{day.year + CYCLE_MONTHS // 12:04d}{day.month:02d}{min(day.day, 28):02d}"
    repository.put(
        session,
        {
            "person_id": person_id,
            "item": item,
            "certified_on": f"{day:%Y%m%d}",
            "valid_to": valid_to,
            "source": source,
            "evidence": evidence,
            "recorded_at": at_ms,
            "withdrawn_at": None,
        },
    )
    return valid_to


def certified(session: Session, person_id: str, item: str, day: str) -> bool:
    """Whether a certificate of `person_id` for `item` covers `day` (YYYYMMDD)."""
    return repository.newest(session, person_id, item) >= day


def withdraw(session: Session, person_id: str, at_ms: int) -> int:
    """A death ends every certificate; how many ended."""
    return repository.withdraw(session, person_id, at_ms)


def restore(session: Session, person_id: str, withdrawn_at: int) -> None:
    """A wrong death brings back exactly what it ended."""
    repository.restore(session, person_id, withdrawn_at)
