"""Tables of devices: who they are, what they were invited with, what they hold, which nonces they used."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class DeviceRow(Rows):
    """One enrolled device. `terminal_no` 12 hex digits, `public_key` 64 bytes, times ms UTC."""

    __tablename__ = "devices"

    device_id: Mapped[str] = mapped_column(primary_key=True)
    terminal_no: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    operator: Mapped[str]
    site: Mapped[str]
    region: Mapped[str]
    public_key: Mapped[bytes]
    active: Mapped[bool]
    enrolled_at: Mapped[int]
    seen_at: Mapped[int]
    pending: Mapped[int]
    oldest_pending_at: Mapped[int]
    clock_ms: Mapped[int]
    notice_position: Mapped[int]


class InvitationRow(Rows):
    """A one-time code, stored as its SM3, good for one enrolment of the device it names."""

    __tablename__ = "device_invitations"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    device_id: Mapped[str]
    kind: Mapped[str]
    operator: Mapped[str]
    site: Mapped[str]
    region: Mapped[str]
    created_at: Mapped[int]
    used_at: Mapped[int | None]


class DeviceFactsRow(Rows):
    """Which version of a kind a device has acknowledged."""

    __tablename__ = "device_facts"

    device_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    at_ms: Mapped[int]


class NonceRow(Rows):
    """Nonces of the window that is still open."""

    __tablename__ = "request_nonces"
    __table_args__ = (Index("ix_request_nonces_at", "at_ms"),)

    device_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    at_ms: Mapped[int]
