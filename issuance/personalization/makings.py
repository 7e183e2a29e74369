"""The making record: what is bound to a chip before it is burned, and what became of it. One transaction each."""

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from card.domain.clock import Clock, business_date, to_ms
from card.domain.identity import CardNumber, RegionCode
from card.domain.lifecycle import AccountState, CardState
from card.rules.ages import next_birthday
from issuance import numbers, outbox, stock
from issuance.application.states import MAKE_TABLE, ORDER_TABLE, MakeOp, MakeStatus, OrderOp, OrderStatus
from issuance.database import Engine, Session, reading, transaction
from issuance.errors import DuplicateHolderError, UnknownSubjectError
from issuance.key_budget import KeyBudget, LineStop
from issuance.numbers import PurseSerial
from issuance.personalization.content import CardModel, Identity, make_content, make_identity
from issuance.personalization.machine import Certificate
from issuance.personalization.script import Script, build_script
from issuance.reference import Reference
from issuance.repository import Cards, Makings, Orders, Persons, put
from issuance.rows import CardRow, MakingRow, OrderRow, PersonRow
from issuance.settings import IssuanceSettings
from issuance.transitions import STOCK_TABLE, StockOp, StockStatus, ecard_state
from keys.centre import KeyCentre

BURNING = "burning"
GOOD = "good"
SPOILED = "spoiled"


@dataclass(frozen=True, slots=True)
class OpenMaking:
    """A making that was begun and not ended: its chip is somewhere between blank and finished."""

    card_id: str
    order_id: str
    chip: str
    batch: str


class MakingBook:
    """Binds, remembers and ends makings."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        centre: KeyCentre,
        model: CardModel,
        settings: IssuanceSettings,
        reference: Reference,
        budget: KeyBudget,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._centre = centre
        self._model = model
        self._settings = settings
        self._reference = reference
        self.budget = budget

    def waiting_orders(self) -> list[str]:
        """Approved orders with an account and no chip, oldest first."""
        with reading(self._engine) as session:
            busy = {row.order_id for row in Makings(session).in_state(BURNING)}
            orders = Orders(session).in_making(MakeStatus.ACCOUNT_BACK)
            return [order.order_id for order in orders if order.order_id not in busy]

    def unfinished(self) -> list[OpenMaking]:
        """Makings a stopped run left behind."""
        with reading(self._engine) as session:
            rows = Makings(session).in_state(BURNING)
            return [OpenMaking(row.card_id, row.order_id, row.chip, row.batch) for row in rows]

    def bind(self, order_id: str, chip: Path, slot: str, batch: bytes) -> Script:
        """Serial, numbers, keys and content of one card, in one transaction before its first secret is written.

        DuplicateHolderError when the person has another live card by now, StockShortError for a chip of a delivery
        that is not in stock, LineStoppedError while the delivery is stopped.
        """
        with transaction(self._engine) as session:
            # First the line, then the count: a making that ends in between would be counted and its blank be gone.
            stock.hold(session, self._settings.place, batch.hex())
            begun = sum(row.batch == batch.hex() for row in Makings(session).in_state(BURNING))
            stock.require(session, self._settings.place, batch.hex(), begun + 1)
            order, person = _order(session, order_id)
            live = [row for row in Cards(session).live_of(person.person_id) if row.card_id != order.supersedes]
            if live:
                raise DuplicateHolderError("another card of this person is alive")
            region = RegionCode(order.region)
            today = business_date(self._clock.now())
            making = MakingRow(
                order_id=order_id,
                chip=str(chip),
                slot=slot,
                batch=batch.hex(),
                region=region.text,
                chip_serial=numbers.next_chip_serial(session, region),
                purse_serial=numbers.next_purse_serial(session, region, self._reference.transit).digits,
                ecard_serial=numbers.next_ecard_serial(session, region),
                card_no=order.card_no,
                issued=today.strftime("%Y%m%d"),
                valid_to=_valid_to(today, self._settings.valid_years).strftime("%Y%m%d"),
                state=BURNING,
                started_at=to_ms(self._clock.now()),
            )
            script = self._script(making, person)
            making.card_id = script.identity.card_id.hex
            making.script_digest = script.digest.hex()
            put(session, making)
            self.budget.begin(session, making.card_id, making.batch)
            return script

    def resume(self, card_id: str) -> Script:
        """As `script_of`, for another attempt on the same chip. LineStoppedError, KeyBudgetError."""
        with transaction(self._engine) as session:
            self.budget.begin(session, card_id, _making(session, card_id).batch)
        return self.script_of(card_id)

    def script_of(self, card_id: str) -> Script:
        """The very script of an unfinished making. UnknownSubjectError when what it stands on has changed since."""
        with transaction(self._engine) as session:
            making = _making(session, card_id)
            _, person = _order(session, making.order_id)
            script = self._script(making, person)
            if script.digest.hex() != making.script_digest:
                raise UnknownSubjectError("the person's data changed while the card was being made")
            return script

    def good(self, card_id: str, certificate: Certificate) -> str:
        """The chip is a card now: sealed, at the outlet, told to the server. Returns the order number."""
        with transaction(self._engine) as session:
            now = to_ms(self._clock.now())
            making = _making(session, card_id)
            order, _ = _order(session, making.order_id)
            making.state, making.ended_at = GOOD, now
            making.certificate = json.dumps(asdict(certificate), sort_keys=True)
            account_status = _set_aside(session, order)
            made = MAKE_TABLE.after(MakeStatus(order.make_status), MakeOp.MAKE)
            order.make_status = MAKE_TABLE.after(made, MakeOp.STORE).value
            card = _card_row(making, order, certificate, account_status, self._settings.issuer.lower())
            put(session, card)
            numbers.use_card_number(session, making.card_no)
            stock.make_good(session, self._settings.place, making.batch, card_id, now)
            self.budget.good(session, card_id, making.batch)
            outbox.tell_card(session, card, now)
            return order.order_id

    def spoiled(self, card_id: str, reason: str) -> tuple[bool, LineStop | None]:
        """The chip is waste: serial and card number go with it.

        Returns whether the order is to be made again, and the stop of the line this brought about, if any.
        """
        with transaction(self._engine) as session:
            now = to_ms(self._clock.now())
            making = _making(session, card_id)
            order, _ = _order(session, making.order_id)
            making.state, making.reason, making.ended_at = SPOILED, reason[:80], now
            numbers.lock_card_number(session, making.card_no)
            stock.make_spoiled(session, self._settings.place, making.batch, card_id, reason[:80], now)
            order.attempts += 1
            stop = self.budget.fail(session, card_id, making.batch, reason)
            return _send_back(session, order, self._settings), stop

    def _script(self, making: MakingRow, person: PersonRow) -> Script:
        identity = self._identity(making)
        content = make_content(self._model, identity, person, self._settings.marks, self._reference.transit)
        return build_script(self._model, identity, content, self._centre)

    def _identity(self, making: MakingRow) -> Identity:
        return make_identity(
            self._model,
            self._centre,
            region=RegionCode(making.region),
            chip_serial=making.chip_serial,
            card_no=CardNumber(making.card_no),
            purse=PurseSerial(making.purse_serial),
            issuer=bytes.fromhex(self._settings.issuer),
            ecard_serial=making.ecard_serial,
            issued=making.issued,
            valid_to=making.valid_to,
        )


def _send_back(session: Session, order: OrderRow, settings: IssuanceSettings) -> bool:
    status = OrderStatus(order.status)
    if status not in (OrderStatus.IN_PROCESS, OrderStatus.EXCEPTION_SOLVED):
        return False  # withdrawn meanwhile
    failed = MAKE_TABLE.after(MakeStatus(order.make_status), MakeOp.SPOIL)
    if order.attempts >= settings.making_attempts:
        order.make_status = failed.value
        order.status = ORDER_TABLE.after(status, OrderOp.STUMBLE).value
        return False
    batched = MAKE_TABLE.after(failed, MakeOp.RETURN)
    # The account is there already, so the bank's two steps are passed without asking it.
    sent = MAKE_TABLE.after(batched, MakeOp.SEND_TO_BANK)
    order.make_status = MAKE_TABLE.after(sent, MakeOp.BANK_ANSWERED).value
    prefix = settings.card_number_prefix
    order.card_no = numbers.reserve_card_number(session, order.order_id, prefix).text
    return True


def _valid_to(issued: date, years: int) -> date:
    """The last valid day, inclusive: the day before the anniversary."""
    return next_birthday(issued, years) - timedelta(days=1)


def _order(session: Session, order_id: str) -> tuple[OrderRow, PersonRow]:
    order = Orders(session).get(order_id)
    person = Persons(session).get(order.person_id) if order else None
    if order is None or person is None:
        raise UnknownSubjectError("no such order")
    return order, person


def _making(session: Session, card_id: str) -> MakingRow:
    making = Makings(session).get(card_id)
    if making is None or making.state != BURNING:
        raise UnknownSubjectError("no such making under way")
    return making


def _set_aside(session: Session, order: OrderRow) -> AccountState:
    """Both cards live until the new one is enabled. Returns the state its account starts with."""
    old = Cards(session).locked(order.supersedes) if order.supersedes else None
    if old is None:
        return AccountState.PRE_OPENED
    old.superseded = True
    session.flush()
    return AccountState(old.account_status) if old.account == order.account else AccountState.PRE_OPENED


def _card_row(
    making: MakingRow, order: OrderRow, certificate: Certificate, account: AccountState, issuer: str
) -> CardRow:
    return CardRow(
        card_id=making.card_id,
        card_no=making.card_no,
        person_id=order.person_id,
        order_id=order.order_id,
        region=making.region,
        status=CardState.SEALED.value,
        prev_status="",
        asn=PurseSerial(making.purse_serial).asn.digits,
        issuer=issuer,
        ecard_serial=making.ecard_serial,
        ecard_status=ecard_state(CardState.SEALED).value,
        bank=order.bank,
        account=order.account,
        account_status=account.value,
        stock_status=STOCK_TABLE.after(StockStatus.PERSONALISED, StockOp.STORE).value,
        issued=making.issued,
        valid_to=making.valid_to,
        batch=making.batch,
        atr=certificate.atr,
        supersedes=order.supersedes,
        superseded=False,
        reason="made",
        receiver="",
        lost_at=0,
        version=0,
    )
