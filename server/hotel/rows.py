"""Table of hotel stays."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class StayRow(Rows):
    """One stay. `state` waiting | registered | refused; `matches` whether name and number agree with the registry."""

    __tablename__ = "hotel_stays"
    __table_args__ = (Index("ix_hotel_stays_state", "state"),)

    event: Mapped[str] = mapped_column(primary_key=True)
    stay_id: Mapped[str] = mapped_column(unique=True)
    terminal: Mapped[str]
    operator: Mapped[str]
    site: Mapped[str]
    room: Mapped[str]
    card_id: Mapped[str]
    check_in: Mapped[int]
    guests: Mapped[int]
    name: Mapped[str]
    id_no: Mapped[str]
    sex: Mapped[str]
    nation: Mapped[str]
    birth_date: Mapped[str]
    matches: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    receipt_no: Mapped[str]
    answered_at: Mapped[int | None]
