"""Table of notices: what the server wants a device to know."""

from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class NoticeRow(Rows):
    """One notice. `position` counts per device; `taken_at` once the device has acknowledged it."""

    __tablename__ = "notices"

    device_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    body: Mapped[str]
    at_ms: Mapped[int]
    taken_at: Mapped[int | None]
