"""Tables of the registry: a projection of the issuance outbox, never written by anybody else."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class PersonRow(Rows):
    """A person as issuance last told. `birth_date` "YYYYMMDD"."""

    __tablename__ = "registry_persons"
    __table_args__ = (Index("ix_registry_persons_id_no", "id_no"),)

    person_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    name: Mapped[str]
    id_type: Mapped[str]
    id_no: Mapped[str]
    sex: Mapped[str]
    nation: Mapped[str]
    birth_date: Mapped[str]
    region: Mapped[str]
    mobile: Mapped[str]
    life_status: Mapped[str]


class CardRow(Rows):
    """A card as issuance last told. Hex ids lower case; `status` AAZ502."""

    __tablename__ = "registry_cards"
    __table_args__ = (
        Index("ix_registry_cards_person_id", "person_id"),
        Index("ix_registry_cards_asn", "asn"),
        Index("ix_registry_cards_ecard_serial", "ecard_serial"),
        Index("ix_registry_cards_supersedes", "supersedes"),
    )

    card_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    card_no: Mapped[str]
    person_id: Mapped[str]
    region: Mapped[str]
    status: Mapped[str]
    prev_status: Mapped[str]
    asn: Mapped[str]
    issuer: Mapped[str]
    ecard_serial: Mapped[str]
    ecard_status: Mapped[str]
    bank: Mapped[str]
    account: Mapped[str]
    account_status: Mapped[str]
    issued: Mapped[str]
    valid_to: Mapped[str]
    batch: Mapped[str]
    atr: Mapped[str]
    supersedes: Mapped[str]
    reason: Mapped[str]
    changed_at: Mapped[int]


class CursorRow(Rows):
    """How far a reader has come in a stream."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
