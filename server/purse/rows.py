"""Tables of purse loads."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class LoadRow(Rows):
    """One load. `load_id` is made from ASN, online sequence and card random: asking again finds the same row."""

    __tablename__ = "purse_loads"
    __table_args__ = (
        Index("ix_purse_loads_asn", "asn", "online_seq"),
        Index("ix_purse_loads_state", "state", "device_id"),
    )

    load_id: Mapped[str] = mapped_column(primary_key=True)
    asn: Mapped[str]
    issuer: Mapped[str]
    online_seq: Mapped[int]
    card_random: Mapped[str]
    amount: Mapped[int]
    balance: Mapped[int]
    key_version: Mapped[int]
    algorithm: Mapped[int]
    terminal_no: Mapped[str]
    device_id: Mapped[str]
    funding: Mapped[str]
    source: Mapped[str]
    card_date: Mapped[str]
    card_time: Mapped[str]
    mac2: Mapped[str]
    state: Mapped[str]
    started_at: Mapped[int]
    finished_at: Mapped[int | None]
    proof_asked_at: Mapped[int | None]


class LoadClaimRow(Rows):
    """The one load of an (ASN, online sequence) that was posted."""

    __tablename__ = "purse_load_claims"

    asn: Mapped[str] = mapped_column(primary_key=True)
    online_seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    load_id: Mapped[str]


class UnloadRow(Rows):
    """One unload: money on its way from a purse to its heir's. Named as a load is; both count the same sequence."""

    __tablename__ = "purse_unloads"
    __table_args__ = (Index("ix_purse_unloads_asn", "asn", "online_seq"),)

    unload_id: Mapped[str] = mapped_column(primary_key=True)
    asn: Mapped[str]
    issuer: Mapped[str]
    heir: Mapped[str]
    online_seq: Mapped[int]
    card_random: Mapped[str]
    amount: Mapped[int]
    balance: Mapped[int]
    key_version: Mapped[int]
    algorithm: Mapped[int]
    mac1: Mapped[str]
    terminal_no: Mapped[str]
    device_id: Mapped[str]
    card_date: Mapped[str]
    card_time: Mapped[str]
    mac2: Mapped[str]
    state: Mapped[str]
    started_at: Mapped[int]
    finished_at: Mapped[int | None]
