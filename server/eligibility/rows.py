"""Tables of eligibility."""

from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class CertificateRow(Rows):
    """One certification; the newest `valid_to` (YYYYMMDD, inclusive) of a person and item counts."""

    __tablename__ = "eligibility_certificates"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    certified_on: Mapped[str] = mapped_column(primary_key=True)
    valid_to: Mapped[str]
    source: Mapped[str]
    evidence: Mapped[str]
    recorded_at: Mapped[int]
    withdrawn_at: Mapped[int | None]
