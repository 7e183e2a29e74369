"""Tables of event intake. Received bytes are stored unchanged and never updated."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class EventRow(Rows):
    """One event. `claim` names the debit it stands for; `difference` what the registry would have decided."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_asn", "asn", "offline_seq"),
        Index("ix_events_received_ms", "received_ms"),
        Index("ix_events_verdict", "verdict", "type"),
    )

    terminal: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str]
    outcome: Mapped[str]
    at_ms: Mapped[int]
    received_ms: Mapped[int]
    verdict: Mapped[str]
    code: Mapped[str]
    difference: Mapped[str]
    asn: Mapped[str]
    offline_seq: Mapped[int]
    hash: Mapped[bytes]
    raw: Mapped[bytes]


class RefusalRow(Rows):
    """What was offered and not taken as an event: rejected, or other bytes under a known id. Kept for people."""

    __tablename__ = "event_refusals"

    terminal: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    code: Mapped[str]
    received_ms: Mapped[int]
    raw: Mapped[bytes]


class PurseClaimRow(Rows):
    """One debit of one purse: (ASN, offline sequence) belongs to one event for ever."""

    __tablename__ = "purse_claims"

    claim: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]


class QueueRow(Rows):
    """Events that have not been carried into the books yet; taken with FOR UPDATE SKIP LOCKED."""

    __tablename__ = "event_queue"

    terminal: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class EpochRow(Rows):
    """One journal of one terminal: everything up to `through` is here, `highest` is the last seen."""

    __tablename__ = "event_epochs"

    terminal: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    through: Mapped[int]
    highest: Mapped[int]
