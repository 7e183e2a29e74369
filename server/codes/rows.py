"""Tables of codes: offline codes seen, online tokens issued, holder pseudonyms."""

from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class CodeSeenRow(Rows):
    """First sighting of an offline code, by its replay key (hex)."""

    __tablename__ = "codes_seen"

    replay_key: Mapped[str] = mapped_column(primary_key=True)
    terminal: Mapped[str]
    seen_at: Mapped[int]


class TokenRow(Rows):
    """One online token, known by its lookup key only; `used_by` binds the redemption."""

    __tablename__ = "online_tokens"

    lookup: Mapped[bytes] = mapped_column(primary_key=True)
    card_id: Mapped[str]
    issued_at: Mapped[int]
    used_at: Mapped[int | None]
    used_by: Mapped[str]
    business_type: Mapped[str]
