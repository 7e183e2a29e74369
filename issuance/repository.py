"""Questions to the issuance store. Nothing here decides; rows go out, services change them within a transaction."""

from collections.abc import Iterable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from card.domain.lifecycle import CardState
from issuance.application.states import OPEN_ORDERS, MakeStatus, OrderStatus
from issuance.rows import (
    BankTaskRow,
    CardNumberRow,
    CardRow,
    KeyEventRow,
    MakingRow,
    OrderRow,
    OutboxMessageRow,
    PersonRow,
    StockMoveRow,
    StockRow,
)

_COUNT_UP = text(
    "INSERT INTO counters (name, value) VALUES (:name, :step) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + :step RETURNING value"
)


def count_up(session: Session, name: str, step: int = 1) -> int:
    """The counter's value after adding `step`; a new counter starts at zero. Holds the counter until commit."""
    return int(session.execute(_COUNT_UP, {"name": name, "step": step}).scalar_one())


def put(session: Session, *rows: object) -> None:
    """Add rows and send them, so that a broken rule shows here and not at commit."""
    session.add_all(rows)
    session.flush()


class Persons:
    """The person base."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, person_id: str) -> PersonRow | None:
        return self._session.get(PersonRow, person_id)

    def find(self, id_type: str, id_no: str) -> PersonRow | None:
        where = (PersonRow.id_type == id_type, PersonRow.id_no == id_no)
        return self._session.scalars(select(PersonRow).where(*where)).one_or_none()

    def with_number(self, id_no: str) -> list[PersonRow]:
        return list(self._session.scalars(select(PersonRow).where(PersonRow.id_no == id_no)))


class Orders:
    """Orders by person and by where they stand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, order_id: str) -> OrderRow | None:
        return self._session.get(OrderRow, order_id)

    def open_of(self, person_id: str) -> list[OrderRow]:
        statuses = [status.value for status in OPEN_ORDERS]
        query = select(OrderRow).where(OrderRow.person_id == person_id, OrderRow.status.in_(statuses))
        return list(self._session.scalars(query.order_by(OrderRow.order_id)))

    def with_status(self, status: OrderStatus) -> list[OrderRow]:
        query = select(OrderRow).where(OrderRow.status == status.value).order_by(OrderRow.order_id)
        return list(self._session.scalars(query))

    def in_making(self, status: MakeStatus) -> list[OrderRow]:
        """Orders under way that stand at this production step, oldest first."""
        wanted = (OrderStatus.IN_PROCESS.value, OrderStatus.EXCEPTION_SOLVED.value)
        query = select(OrderRow).where(OrderRow.make_status == status.value, OrderRow.status.in_(wanted))
        return list(self._session.scalars(query.order_by(OrderRow.order_id)))


class Cards:
    """Cards by number, holder and state."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, card_id: str) -> CardRow | None:
        return self._session.get(CardRow, card_id)

    def locked(self, card_id: str) -> CardRow | None:
        """The row, held against other writers until commit."""
        return self._session.get(CardRow, card_id, with_for_update=True)

    def with_number(self, card_no: str) -> CardRow | None:
        return self._session.scalars(select(CardRow).where(CardRow.card_no == card_no)).one_or_none()

    def of_person(self, person_id: str) -> list[CardRow]:
        query = select(CardRow).where(CardRow.person_id == person_id).order_by(CardRow.card_no)
        return list(self._session.scalars(query))

    def live_of(self, person_id: str) -> list[CardRow]:
        """Every card of the person that is not cancelled, in whatever state."""
        return [row for row in self.of_person(person_id) if row.status != CardState.CANCELLED.value]

    def successor_of(self, card_id: str) -> CardRow | None:
        query = select(CardRow).where(CardRow.supersedes == card_id, CardRow.status != CardState.CANCELLED.value)
        return self._session.scalars(query).first()

    def with_status(self, status: CardState) -> list[CardRow]:
        query = select(CardRow).where(CardRow.status == status.value).order_by(CardRow.card_id)
        return list(self._session.scalars(query))

    def of_order(self, order_id: str) -> CardRow | None:
        return self._session.scalars(select(CardRow).where(CardRow.order_id == order_id)).one_or_none()


class Makings:
    """What was bound to which chip."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, card_id: str) -> MakingRow | None:
        return self._session.get(MakingRow, card_id)

    def in_state(self, state: str) -> list[MakingRow]:
        query = select(MakingRow).where(MakingRow.state == state).order_by(MakingRow.started_at, MakingRow.card_id)
        return list(self._session.scalars(query))

    def of_order(self, order_id: str) -> list[MakingRow]:
        query = select(MakingRow).where(MakingRow.order_id == order_id).order_by(MakingRow.started_at)
        return list(self._session.scalars(query))


class Numbers:
    """The card number pool."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def first_in(self, state: str) -> CardNumberRow | None:
        query = select(CardNumberRow).where(CardNumberRow.state == state).order_by(CardNumberRow.card_no).limit(1)
        return self._session.scalars(query.with_for_update(skip_locked=True)).one_or_none()

    def get(self, card_no: str) -> CardNumberRow | None:
        return self._session.get(CardNumberRow, card_no)

    def counts(self) -> dict[str, int]:
        query = select(CardNumberRow.state, func.count()).group_by(CardNumberRow.state)
        return {state: int(count) for state, count in self._session.execute(query)}


class Stocks:
    """Lines of blank chips."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def line(self, place: str, batch: str) -> StockRow | None:
        return self._session.get(StockRow, (place, batch), with_for_update=True)

    def lines(self, place: str) -> list[StockRow]:
        return list(self._session.scalars(select(StockRow).where(StockRow.place == place).order_by(StockRow.batch)))

    def moves(self, place: str) -> list[StockMoveRow]:
        query = select(StockMoveRow).where(StockMoveRow.place == place).order_by(StockMoveRow.move)
        return list(self._session.scalars(query))


class KeyEvents:
    """What was said to chips with keys, and what stands in the way of saying more."""

    def __init__(self, session: Session, place: str) -> None:
        self._session = session
        self._place = place

    def verdicts(self) -> list[KeyEventRow]:
        """Stops and liftings of the place, oldest first."""
        query = select(KeyEventRow).where(KeyEventRow.place == self._place, KeyEventRow.kind.in_(("stop", "lift")))
        return list(self._session.scalars(query.order_by(KeyEventRow.event)))

    def verdict_on(self, batch: str) -> KeyEventRow | None:
        """The newest stop or lifting of this very delivery ("" is the whole place)."""
        where = (KeyEventRow.place == self._place, KeyEventRow.kind.in_(("stop", "lift")), KeyEventRow.batch == batch)
        return self._session.scalars(select(KeyEventRow).where(*where).order_by(KeyEventRow.event.desc())).first()

    def begun_in_vain(self, subject: str) -> int:
        """How often `subject` was begun since it last came out good or was cleared."""
        ended = (KeyEventRow.subject == subject, KeyEventRow.kind.in_(("good", "clear")))
        last = select(func.coalesce(func.max(KeyEventRow.event), 0)).where(*ended).scalar_subquery()
        begun = (KeyEventRow.subject == subject, KeyEventRow.kind == "begun", KeyEventRow.event > last)
        return int(self._session.scalar(select(func.count()).where(*begun)) or 0)

    def failed_lately(self, batch: str, window: int) -> int:
        """Failures among the newest `window` ends of this delivery since its stop was last lifted."""
        of_batch = (KeyEventRow.place == self._place, KeyEventRow.batch == batch)
        lifted = (*of_batch, KeyEventRow.kind == "lift")
        last = select(func.coalesce(func.max(KeyEventRow.event), 0)).where(*lifted).scalar_subquery()
        ends = (*of_batch, KeyEventRow.kind.in_(("good", "failed")), KeyEventRow.event > last)
        newest = select(KeyEventRow.kind).where(*ends).order_by(KeyEventRow.event.desc()).limit(window).subquery()
        return int(self._session.scalar(select(func.count()).where(newest.c.kind == "failed")) or 0)

    def of(self, batch: str | None, subject: str | None) -> list[KeyEventRow]:
        """Everything in order, of one delivery or one chip when named."""
        query = select(KeyEventRow).where(KeyEventRow.place == self._place)
        if batch is not None:
            query = query.where(KeyEventRow.batch == batch)
        if subject is not None:
            query = query.where(KeyEventRow.subject == subject)
        return list(self._session.scalars(query.order_by(KeyEventRow.event)))


def messages_after(session: Session, position: int, limit: int) -> Iterable[OutboxMessageRow]:
    """Outbox rows behind `position`, in order."""
    query = select(OutboxMessageRow).where(OutboxMessageRow.position > position)
    return session.scalars(query.order_by(OutboxMessageRow.position).limit(limit))


def open_bank_tasks(session: Session) -> list[BankTaskRow]:
    """Bank legs still owed, oldest first."""
    return list(session.scalars(select(BankTaskRow).where(BankTaskRow.done.is_(False)).order_by(BankTaskRow.task)))
