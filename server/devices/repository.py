"""Queries of devices."""

from sqlalchemy import delete, select, update

from server.database import Session, put_once
from server.devices.device import Device, Invitation
from server.devices.rows import DeviceFactsRow, DeviceRow, InvitationRow, NonceRow

FIELDS = tuple(Device.__slots__)


def by_id(session: Session, device_id: str) -> Device | None:
    return _device(session.get(DeviceRow, device_id))


def by_terminal(session: Session, terminal_no: str) -> Device | None:
    return _device(session.scalar(select(DeviceRow).where(DeviceRow.terminal_no == terminal_no)))


def everybody(session: Session) -> list[Device]:
    """Every active device by id."""
    rows = session.scalars(select(DeviceRow).where(DeviceRow.active).order_by(DeviceRow.device_id))
    return [device for device in map(_device, rows) if device]


def save(session: Session, device: Device) -> bool:
    """Write a new device, or a known one's new key and place; False when its terminal number is another's."""
    values = {name: getattr(device, name) for name in FIELDS}
    if put_once(session, DeviceRow, values | {"active": True, "notice_position": 0}):
        return True
    where = (DeviceRow.device_id == device.device_id, DeviceRow.terminal_no == device.terminal_no)
    known = session.execute(update(DeviceRow).where(*where).values(**values).returning(DeviceRow.device_id))
    return known.first() is not None


def report(session: Session, device_id: str, values: dict[str, int]) -> None:
    """What a heartbeat says."""
    session.execute(update(DeviceRow).where(DeviceRow.device_id == device_id).values(**values))


def invite(session: Session, invitation: Invitation, now_ms: int) -> bool:
    """Keep an invitation; False when this code was handed out before."""
    values = {name: getattr(invitation, name) for name in Invitation.__slots__}
    return put_once(session, InvitationRow, values | {"created_at": now_ms, "used_at": None})


def use_invitation(session: Session, code_hash: bytes, now_ms: int) -> Invitation | None:
    """Take an unused invitation; None when there is none or somebody was quicker."""
    where = (InvitationRow.code_hash == code_hash, InvitationRow.used_at.is_(None))
    row = session.scalar(update(InvitationRow).where(*where).values(used_at=now_ms).returning(InvitationRow))
    return Invitation(**{name: getattr(row, name) for name in Invitation.__slots__}) if row else None


def use_nonce(session: Session, device_id: str, nonce: str, at_ms: int) -> bool:
    """True the first time."""
    return put_once(session, NonceRow, {"device_id": device_id, "nonce": nonce, "at_ms": at_ms})


def forget_nonces(session: Session, before_ms: int) -> None:
    """Those whose time is refused anyway."""
    session.execute(delete(NonceRow).where(NonceRow.at_ms < before_ms))


def acknowledge(session: Session, device_id: str, kind: str, version: int, at_ms: int) -> None:
    """Remember the version a device says it holds (it may go down after a re-installation)."""
    values = {"device_id": device_id, "kind": kind, "version": version, "at_ms": at_ms}
    if not put_once(session, DeviceFactsRow, values):
        where = (DeviceFactsRow.device_id == device_id, DeviceFactsRow.kind == kind)
        session.execute(update(DeviceFactsRow).where(*where).values(version=version, at_ms=at_ms))


def acknowledged(session: Session, kind: str) -> dict[str, int]:
    """Version of `kind` by device id."""
    query = select(DeviceFactsRow.device_id, DeviceFactsRow.version).where(DeviceFactsRow.kind == kind)
    return {row.device_id: row.version for row in session.execute(query)}


def next_notice_position(session: Session, device_id: str) -> int | None:
    """Count the device's notices up by one; None for an unknown device."""
    query = update(DeviceRow).where(DeviceRow.device_id == device_id)
    query = query.values(notice_position=DeviceRow.notice_position + 1)
    return session.scalar(query.returning(DeviceRow.notice_position))


def _device(row: DeviceRow | None) -> Device | None:
    return Device(**{name: getattr(row, name) for name in FIELDS}) if row else None
