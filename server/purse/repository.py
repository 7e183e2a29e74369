"""Queries of purse loads."""

from sqlalchemy import select, update

from server.database import Session, put_once
from server.purse.load import PENDING, Load
from server.purse.rows import LoadClaimRow, LoadRow, UnloadRow
from server.purse.unload import Unload

FIELDS = tuple(Load.__slots__)
UNLOAD_FIELDS = tuple(Unload.__slots__)


def start(session: Session, load: Load) -> bool:
    """Write a new load; False when this one was asked for before."""
    return put_once(session, LoadRow, {name: getattr(load, name) for name in FIELDS})


def get(session: Session, load_id: str) -> Load | None:
    """The load, held until the transaction ends."""
    query = select(LoadRow).where(LoadRow.load_id == load_id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    return _load(row) if row else None


def pending_of(session: Session, asn: str, online_seq: int) -> list[Load]:
    """Loads of this purse and sequence whose end is not known."""
    where = (LoadRow.asn == asn, LoadRow.online_seq == online_seq, LoadRow.state == PENDING)
    return [_load(row) for row in session.scalars(select(LoadRow).where(*where).order_by(LoadRow.started_at))]


def of_sequence(session: Session, asn: str, online_seq: int) -> list[Load]:
    """Every load ever begun for this purse and sequence."""
    where = (LoadRow.asn == asn, LoadRow.online_seq == online_seq)
    return [_load(row) for row in session.scalars(select(LoadRow).where(*where).order_by(LoadRow.started_at))]


def silent(session: Session, device_id: str, before_ms: int) -> list[Load]:
    """Pending loads of a device begun before `before_ms` whose proof has not been asked for."""
    where = (
        LoadRow.state == PENDING,
        LoadRow.device_id == device_id,
        LoadRow.started_at < before_ms,
        LoadRow.proof_asked_at.is_(None),
    )
    return [_load(row) for row in session.scalars(select(LoadRow).where(*where).order_by(LoadRow.started_at))]


def in_state(session: Session, state: str) -> list[Load]:
    rows = session.scalars(select(LoadRow).where(LoadRow.state == state).order_by(LoadRow.started_at))
    return [_load(row) for row in rows]


def every(session: Session) -> list[Load]:
    """All loads, oldest first."""
    return [_load(row) for row in session.scalars(select(LoadRow).order_by(LoadRow.started_at, LoadRow.load_id))]


def change(session: Session, load_id: str, values: dict[str, object]) -> None:
    session.execute(update(LoadRow).where(LoadRow.load_id == load_id).values(**values))


def claim(session: Session, load: Load) -> bool:
    """True when `load` is the posted load of its (ASN, online sequence)."""
    key = {"asn": load.asn, "online_seq": load.online_seq}
    if put_once(session, LoadClaimRow, key | {"load_id": load.load_id}):
        return True
    row = session.get(LoadClaimRow, (load.asn, load.online_seq))
    return row is not None and row.load_id == load.load_id


def start_unload(session: Session, unload: Unload) -> bool:
    """Write a new unload; False when this one was asked for before."""
    return put_once(session, UnloadRow, {name: getattr(unload, name) for name in UNLOAD_FIELDS})


def get_unload(session: Session, unload_id: str) -> Unload | None:
    """The unload, held until the transaction ends."""
    query = select(UnloadRow).where(UnloadRow.unload_id == unload_id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    return _unload(row) if row else None


def unloads_of(session: Session, asn: str, online_seq: int | None = None) -> list[Unload]:
    """Every unload ever begun for this purse, or for one of its sequences, oldest first."""
    where = [UnloadRow.asn == asn] + ([] if online_seq is None else [UnloadRow.online_seq == online_seq])
    rows = session.scalars(select(UnloadRow).where(*where).order_by(UnloadRow.started_at, UnloadRow.unload_id))
    return [_unload(row) for row in rows]


def every_unload(session: Session) -> list[Unload]:
    """All unloads, oldest first."""
    rows = session.scalars(select(UnloadRow).order_by(UnloadRow.started_at, UnloadRow.unload_id))
    return [_unload(row) for row in rows]


def end_unload(session: Session, unload_id: str, state: str, at_ms: int) -> None:
    values = {"state": state, "finished_at": at_ms}
    session.execute(update(UnloadRow).where(UnloadRow.unload_id == unload_id).values(**values))


def _unload(row: UnloadRow) -> Unload:
    return Unload(**{name: getattr(row, name) for name in UNLOAD_FIELDS})


def _load(row: LoadRow) -> Load:
    return Load(**{name: getattr(row, name) for name in FIELDS})
