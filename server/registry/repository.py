"""Queries of the registry."""

from typing import Any

from sqlalchemy import bindparam, select, update

from server.database import Session, put_once
from server.registry.card import Card, Person
from server.registry.rows import CardRow, CursorRow, PersonRow

PERSON_FIELDS = tuple(Person.__slots__)
CARD_FIELDS = tuple(Card.__slots__)
HELD = "registry.held"
BY_ASN = select(CardRow).where(CardRow.asn == bindparam("asn"))
FIRST = 1
# Which columns it sets is told by the values it is run with.
CARD_REPLACED = (
    update(CardRow.__table__)  # type: ignore[arg-type]
    .where(CardRow.card_id == bindparam("of_card"), CardRow.version < bindparam("below"))
    .returning(CardRow.version)
)


def project_person(session: Session, values: dict[str, Any]) -> bool:
    """Take this version of a person unless the same or a later one stands; True when taken."""
    if put_once(session, PersonRow, values):
        return True
    where = (PersonRow.person_id == values["person_id"], PersonRow.version < values["version"])
    return (
        session.execute(update(PersonRow).where(*where).values(**values).returning(PersonRow.version)).first()
        is not None
    )


def project_card(session: Session, values: dict[str, Any]) -> bool:
    """Take this version of a card unless the same or a later one stands; True when taken."""
    if values["version"] > FIRST and _replace_card(session, values):
        return True
    return put_once(session, CardRow, values) or _replace_card(session, values)


def _replace_card(session: Session, values: dict[str, Any]) -> bool:
    told = {**values, "of_card": values["card_id"], "below": values["version"]}
    return session.connection().execute(CARD_REPLACED, told).first() is not None


def person(session: Session, person_id: str) -> Person | None:
    row = session.get(PersonRow, person_id, populate_existing=True)
    return _person(row) if row else None


def persons_by_id_no(session: Session, id_no: str) -> list[Person]:
    return [_person(row) for row in session.scalars(select(PersonRow).where(PersonRow.id_no == id_no))]


def card(session: Session, card_id: str) -> Card | None:
    row = session.get(CardRow, card_id, populate_existing=True)
    return _card(row) if row else None


def card_by_asn(session: Session, asn: str) -> Card | None:
    """The card that carries a purse."""
    held: dict[str, Card | None] = session.info.get(HELD, {})
    if asn in held:
        return held[asn]
    row = session.scalar(BY_ASN, {"asn": asn})
    return _card(row) if row else None


def hold_cards(session: Session, asns: set[str]) -> None:
    """Ask once for the cards of many purses; for a transaction that changes no card."""
    rows = session.scalars(select(CardRow).where(CardRow.asn.in_(asns))) if asns else ()
    session.info[HELD] = dict.fromkeys(asns) | {row.asn: _card(row) for row in rows}


def cards_by_ecard(session: Session, serial: str) -> list[Card]:
    rows = session.scalars(select(CardRow).where(CardRow.ecard_serial == serial).order_by(CardRow.issued))
    return [_card(row) for row in rows]


def cards_of(session: Session, person_id: str) -> list[Card]:
    """Every card of a person, oldest first."""
    query = select(CardRow).where(CardRow.person_id == person_id).order_by(CardRow.issued, CardRow.changed_at)
    return [_card(row) for row in session.scalars(query)]


def all_cards(session: Session) -> list[Card]:
    return [_card(row) for row in session.scalars(select(CardRow).order_by(CardRow.card_id))]


def successor(session: Session, card_id: str) -> Card | None:
    """The card that supersedes `card_id`."""
    row = session.scalar(select(CardRow).where(CardRow.supersedes == card_id).order_by(CardRow.changed_at.desc()))
    return _card(row) if row else None


def births(session: Session, asns: list[str]) -> dict[str, str]:
    """Registered birth date "YYYYMMDD" by purse number."""
    query = select(CardRow.asn, PersonRow.birth_date).join(PersonRow, PersonRow.person_id == CardRow.person_id)
    return {row.asn: row.birth_date for row in session.execute(query.where(CardRow.asn.in_(asns)))}


def cursor(session: Session, name: str) -> int:
    """Position of a stream, locked until the transaction ends; 0 at the start."""
    put_once(session, CursorRow, {"name": name, "position": 0})
    query = select(CursorRow.position).where(CursorRow.name == name).with_for_update()
    return session.execute(query).scalar_one()


def move_cursor(session: Session, name: str, position: int) -> None:
    session.execute(update(CursorRow).where(CursorRow.name == name).values(position=position))


def _person(row: PersonRow) -> Person:
    return Person(**{name: getattr(row, name) for name in PERSON_FIELDS})


def _card(row: CardRow) -> Card:
    return Card(**{name: getattr(row, name) for name in CARD_FIELDS})
