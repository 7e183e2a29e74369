"""What happens to a card after it was made: each step by its table, its outbox row in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

from card.domain.clock import Clock, business_date, to_ms
from card.domain.lifecycle import CardState
from issuance import numbers, outbox
from issuance.application.review import DEAD
from issuance.application.states import (
    MAKE_TABLE,
    OPEN_ORDERS,
    ORDER_TABLE,
    MakeOp,
    MakeStatus,
    OrderOp,
    OrderStatus,
    OrderType,
)
from issuance.bank import Bank
from issuance.bank_leg import ALREADY, DONE, BankLegs, Outcome, card_row
from issuance.database import Engine, Session, reading, transaction
from issuance.errors import (
    DuplicateHolderError,
    HolderMismatchError,
    NotHandedOutError,
    OrderOpenError,
    TransitionRefusedError,
    UnknownSubjectError,
)
from issuance.repository import Cards, Makings, Numbers, Orders, Persons, put
from issuance.rows import CardRow, OrderRow, PersonRow
from issuance.transitions import (
    CARD_TABLE,
    REACHED,
    STOCK_TABLE,
    CardOp,
    StockOp,
    StockStatus,
    ecard_state,
    unloss_target,
)

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class LifecycleRules:
    """Configuration of business-rules §13. Days are calendar days."""

    temp_loss_days: int = 7
    formal_unloss: bool = False


@dataclass(frozen=True, slots=True)
class CardView:
    """A card as the store has it, for people who only look."""

    card_id: str
    card_no: str
    person_id: str
    order_id: str
    region: str
    status: str
    prev_status: str
    asn: str
    issuer: str
    ecard_serial: str
    ecard_status: str
    bank: str
    account: str = field(repr=False)
    account_status: str
    stock_status: str
    issued: str
    valid_to: str
    batch: str
    atr: str
    supersedes: str
    superseded: bool
    reason: str
    version: int


def view(engine: Engine, card_id: str) -> CardView:
    """UnknownSubjectError when there is no such card."""
    with reading(engine) as session:
        card = Cards(session).get(card_id)
        if card is None:
            raise UnknownSubjectError("no such card")
        return _view(card)


def cards_of(engine: Engine, person_id: str) -> list[CardView]:
    """Every card the person ever had, by card number."""
    with reading(engine) as session:
        return [_view(row) for row in Cards(session).of_person(person_id)]


class Lifecycle:
    """Operations on cards. UnknownSubjectError for an unknown card, TransitionRefusedError where a table is empty."""

    def __init__(
        self, engine: Engine, *, clock: Clock, banks: Mapping[str, Bank], rules: LifecycleRules | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._legs = BankLegs(engine, clock=clock, banks=banks)
        self._rules = rules or LifecycleRules()

    def hand_out(self, card_id: str, receiver: str) -> Outcome:
        """The card is in its holder's hands: `receiver` "self" or "agent"."""
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            if card.stock_status == StockStatus.ISSUED.value:
                return Outcome(ALREADY, card_id, CardState(card.status))
            card.stock_status = STOCK_TABLE.after(StockStatus(card.stock_status), StockOp.HAND_OUT).value
            card.receiver = receiver
            card.reason = "handed_out"
            order = Orders(session).get(card.order_id)
            if order is not None:
                order.make_status = MAKE_TABLE.after(MakeStatus(order.make_status), MakeOp.HAND_OUT).value
                order.status = ORDER_TABLE.after(OrderStatus(order.status), OrderOp.COMPLETE).value
            outbox.tell_card(session, card, self._now())
            return Outcome(DONE, card_id, CardState(card.status))

    def enable(self, card_id: str) -> Outcome:
        """封存 -> 正常. A predecessor is cancelled in the same transaction; account, purse rest and rights follow."""
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            if card.status == CardState.NORMAL.value:
                return Outcome(ALREADY, card_id, CardState.NORMAL)
            if card.status == CardState.SEALED.value and card.stock_status != StockStatus.ISSUED.value:
                raise NotHandedOutError("possession is not recorded")
            self._supersede(session, card)
            _step(card, CardOp.ENABLE, "enabled")
            outbox.tell_card(session, card, self._now())
        return self._legs.follow(card_id, CardOp.ENABLE, CardState.NORMAL)

    def temp_loss(self, card_id: str) -> Outcome:
        """临时挂失, by telephone if need be; runs out after the configured days."""
        return self._operate(card_id, CardOp.TEMPORARY_LOSS, "temporary_loss")

    def formal_loss(self, card_id: str) -> Outcome:
        """正式挂失: card, purse, code and account at once."""
        return self._operate(card_id, CardOp.FORMAL_LOSS, "formal_loss")

    def lock(self, card_id: str) -> Outcome:
        """应用锁定: too many wrong PINs."""
        return self._operate(card_id, CardOp.LOCK, "locked")

    def unlock(self, card_id: str) -> Outcome:
        """PIN unblocked at the counter."""
        return self._operate(card_id, CardOp.UNLOCK, "unlocked")

    def cancel(self, card_id: str, reason: str = "cancelled") -> Outcome:
        """注销, not after death."""
        return self._operate(card_id, CardOp.CANCEL, reason)

    def unloss(self, card_id: str, reason: str = "unloss") -> Outcome:
        """解挂: from temporary loss always, from formal loss only where configured and nothing is on order."""
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            now = CardState(card.status)
            if now in (CardState.NORMAL, CardState.LOCKED):
                return Outcome(ALREADY, card_id, now)
            if now is CardState.FORMAL_LOSS:
                _check_formal_unloss(session, card, self._rules)
            target = unloss_target(now, card.prev_status)
            _enter(card, target, reason)
            outbox.tell_card(session, card, self._now())
        return self._legs.follow(card_id, CardOp.UNLOSS, target)

    def replace(self, card_id: str, clerk: str, reason: str, bank: str = "") -> str:
        """Order a new card: re-issue after formal loss (05), else replacement (06). Returns the order number.

        The old card lives on until the new one is enabled. At the same bank the account stays. OrderOpenError when
        something is on order, TransitionRefusedError from temporary loss or a cancelled card.
        """
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            kind = _replacement_kind(CardState(card.status))
            if Orders(session).open_of(card.person_id) or Cards(session).successor_of(card_id):
                raise OrderOpenError("a new card is on order")
            return _order_replacement(session, card, kind, clerk, reason, bank or card.bank, self._clock)

    def cancel_death(self, id_no: str, name: str, on: date, source: str) -> Outcome:
        """A death: every card of the person ends, orders are withdrawn, accounts frozen for succession.

        Number and name must belong together (HolderMismatchError). `source` names who told us. Safe to repeat.
        """
        with transaction(self._engine) as session:
            people = _people(session, id_no, name)
            live = [card for person in people for card in Cards(session).live_of(person.person_id)]
            for person in people:
                _withdraw_orders(session, person)
                if person.life_status != DEAD:
                    person.life_status = DEAD
                    outbox.tell_person(session, person, self._now())
            if not live:
                return Outcome(ALREADY)
            for card in live:
                _step(card, CardOp.CANCEL_DEATH, "deceased")
                outbox.tell_card(session, card, self._now())
            ids = [card.card_id for card in live]
        outcomes = [self._legs.follow(card_id, CardOp.CANCEL_DEATH, CardState.CANCELLED) for card_id in ids]
        worst = max(outcome.code for outcome in outcomes)
        return Outcome(worst, ids[0], CardState.CANCELLED)

    def release_expired(self) -> list[str]:
        """Temporary losses older than the configured days go back to where they were; returns their card ids."""
        limit = self._now() - self._rules.temp_loss_days * DAY_MS
        with transaction(self._engine) as session:
            due = [card for card in Cards(session).with_status(CardState.TEMPORARY_LOSS) if card.lost_at <= limit]
            ids = [card.card_id for card in due]
        for card_id in ids:
            self.unloss(card_id, "temporary_loss_expired")
        return ids

    def retry_bank(self) -> int:
        """Bank legs that are owed, tried again; returns how many are still owed."""
        return self._legs.retry()

    def _operate(self, card_id: str, operation: CardOp, reason: str) -> Outcome:
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            if REACHED.get(operation) is CardState(card.status):
                return Outcome(ALREADY, card_id, CardState(card.status))
            state = _step(card, operation, reason)
            if state is CardState.CANCELLED:
                _end_order(session, card)
            if state is CardState.TEMPORARY_LOSS:
                card.lost_at = self._now()
            outbox.tell_card(session, card, self._now())
        return self._legs.follow(card_id, operation, state)

    def _supersede(self, session: Session, card: CardRow) -> None:
        """The predecessor ends in the very transaction that starts its successor; nobody else's card may be alive."""
        others = [row for row in Cards(session).live_of(card.person_id) if row.card_id != card.card_id]
        if any(row.card_id != card.supersedes for row in others):
            raise DuplicateHolderError("another card of this person is alive")
        for old in others:
            old.superseded = True
            _step(old, CardOp.SUPERSEDE, "replaced")
            _end_order(session, old)
            outbox.tell_card(session, old, self._now())

    def _now(self) -> int:
        return to_ms(self._clock.now())


def _view(row: CardRow) -> CardView:
    return CardView(**{item.name: getattr(row, item.name) for item in fields(CardView)})


def _step(card: CardRow, operation: CardOp, reason: str) -> CardState:
    state = CARD_TABLE.after(CardState(card.status), operation)
    _enter(card, state, reason)
    return state


def _enter(card: CardRow, state: CardState, reason: str) -> None:
    card.prev_status = card.status
    card.status = state.value
    card.ecard_status = ecard_state(state).value
    card.reason = reason


def _check_formal_unloss(session: Session, card: CardRow, rules: LifecycleRules) -> None:
    if not rules.formal_unloss or card.superseded:
        raise TransitionRefusedError(CARD_TABLE.name, card.status, CardOp.UNLOSS.value)
    if Orders(session).open_of(card.person_id):
        raise OrderOpenError("a new card is on order")


def _end_order(session: Session, card: CardRow) -> None:
    """A card that ends before it was handed out takes its order with it."""
    order = Orders(session).get(card.order_id)
    if order is not None and OrderStatus(order.status) in OPEN_ORDERS:
        order.status = ORDER_TABLE.after(OrderStatus(order.status), OrderOp.WITHDRAW).value


def _replacement_kind(state: CardState) -> OrderType:
    if state is CardState.FORMAL_LOSS:
        return OrderType.LOST_REISSUE
    if state in (CardState.SEALED, CardState.NORMAL, CardState.LOCKED):
        return OrderType.REPLACE
    raise TransitionRefusedError(CARD_TABLE.name, state.value, "replace")


def _people(session: Session, id_no: str, name: str) -> list[PersonRow]:
    people = Persons(session).with_number(id_no)
    if not people:
        raise UnknownSubjectError("no such person")
    if any(person.name != name for person in people):
        raise HolderMismatchError("number and name do not belong together")
    return people


def _order_replacement(
    session: Session, card: CardRow, kind: OrderType, clerk: str, reason: str, bank: str, clock: Clock
) -> str:
    now = clock.now()
    order = OrderRow(
        order_id=numbers.next_order_id(session, business_date(now).strftime("%Y%m%d")),
        person_id=card.person_id,
        order_type=kind.value,
        status=OrderStatus.APPLIED.value,
        make_status=MakeStatus.ENTERED.value,
        bank=bank,
        account=card.account if bank == card.bank else "",
        region=card.region,
        supersedes=card.card_id,
        reason=reason,
        clerk=clerk,
        applied_at=to_ms(now),
    )
    put(session, order)
    return order.order_id


def _withdraw_orders(session: Session, person: PersonRow) -> None:
    for order in Orders(session).open_of(person.person_id):
        order.status = ORDER_TABLE.after(OrderStatus(order.status), OrderOp.WITHDRAW).value
        order.reason = "deceased"
        number = Numbers(session).get(order.card_no) if order.card_no else None
        burned = any(making.card_no == order.card_no for making in Makings(session).of_order(order.order_id))
        if number is not None and number.state == numbers.NumberState.RESERVED.value and not burned:
            numbers.release_card_number(session, order.card_no)
