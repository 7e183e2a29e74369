"""The application desk: a file becomes orders and refusals; another person than the clerk approves."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from card.domain.clock import Clock, business_date, to_ms
from card.domain.identity import RegionCode
from card.texts import text
from issuance import numbers, outbox
from issuance.application.fields import Rules
from issuance.application.form import FIELD_NAMES_ZH, read_form
from issuance.application.review import DEAD, Examined, Known, Refusal, Review
from issuance.application.states import (
    MAKE_TABLE,
    ORDER_TABLE,
    MakeOp,
    MakeStatus,
    OrderOp,
    OrderStatus,
    OrderType,
)
from issuance.bank import AccountRequest, Bank
from issuance.database import Engine, Session, transaction
from issuance.errors import BankLinkError, BankRefusedError, SeparationError
from issuance.population import Population
from issuance.reference import Reference
from issuance.repository import Cards, Orders, Persons, put
from issuance.rows import OrderRow, PersonRow

REJECTED_COLUMNS = ("row", "code", "message_zh", "message_en", "next_step")
BATCH_OF_ORDERS = 200  # orders a transaction takes while accounts come back


@dataclass(frozen=True, slots=True)
class Officer:
    """Who acts. `person` is the natural person's number: two logins of one person are one officer (SOD-1)."""

    person: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that became an order."""

    row: int
    order_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that did not, with the first failing check."""

    row: int
    code: str
    detail: str = ""

    def sentences(self) -> tuple[str, str, str]:
        """(Chinese, English, next step); E-FIELD names the column, E-PHOTO the quality result."""
        zh, en = text(self.code, "zh"), text(self.code, "en")
        if not self.detail:
            return zh.message, en.message, zh.next_step
        label = FIELD_NAMES_ZH.get(self.detail)
        shown = f"{label} {self.detail}" if label else self.detail
        return f"{zh.message}（{shown}）", f"{en.message} ({self.detail})", zh.next_step


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a file. `stand_ins` counts drawn portraits."""

    form: str
    accepted: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]
    stand_ins: int = 0

    def write_rejected(self, path: Path) -> None:
        """rejected.csv: UTF-8 with byte order mark, so that office programs show Chinese."""
        with path.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.writer(out, lineterminator="\r\n")
            writer.writerow(REJECTED_COLUMNS)
            writer.writerows((item.row, item.code, *item.sentences()) for item in self.rejected)


@dataclass(frozen=True, slots=True)
class Approval:
    """Orders that now wait for a chip, and those the bank kept back (order number, error code)."""

    approved: tuple[str, ...]
    kept_back: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An order on its way to the bank; `account` is set when it keeps the one it has."""

    order_id: str
    bank: str
    account: str
    request: AccountRequest


class ApplicationDesk:
    """Accept a file, approve what was accepted."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        population: Population,
        banks: Mapping[str, Bank],
        reference: Reference,
        rules: Rules,
        number_prefix: str,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._population = population
        self._banks = banks
        self._reference = reference
        self._rules = rules
        self._prefix = number_prefix

    def accept(self, path: Path, clerk: Officer, on_progress: Callable[[int, int], None] | None = None) -> Acceptance:
        """Check every row on today's date and order a card for the good ones; all of it or nothing is kept.

        FormTextError, FormHeaderError. `on_progress(rows done, rows in all)`.
        """
        rows, form = read_form(path)
        accepted: list[Accepted] = []
        rejected: list[Rejected] = []
        with transaction(self._engine) as session:
            review = self._review(session, path.parent, clerk)
            for row in rows:
                outcome = review.examine(row)
                if isinstance(outcome, Refusal):
                    rejected.append(Rejected(row.row, outcome.code, outcome.detail))
                else:
                    accepted.append(self._enter(session, outcome, form, clerk))
                if on_progress:
                    on_progress(row.row, len(rows))
        drawn = sum(rows[item.row - 1].photo == "auto" for item in accepted)
        return Acceptance(form, tuple(accepted), tuple(rejected), drawn)

    def approve(self, approver: Officer, on_progress: Callable[[int, int], None] | None = None) -> Approval:
        """Every waiting order, approved by another person than its clerk; accounts are opened before cards are made.

        SeparationError when the approver was the clerk of any of them or is their subject: then nothing is approved.
        """
        waiting = self._release(approver)
        kept_back: list[tuple[str, str]] = []
        for start in range(0, len(waiting), BATCH_OF_ORDERS):
            part = waiting[start : start + BATCH_OF_ORDERS]
            answers = {item.order_id: self._open_account(item) for item in part if not item.account}
            kept_back += self._book_accounts(answers)
            if on_progress:
                on_progress(min(start + BATCH_OF_ORDERS, len(waiting)), len(waiting))
        refused = {order_id for order_id, _ in kept_back}
        return Approval(tuple(item.order_id for item in waiting if item.order_id not in refused), tuple(kept_back))

    def _review(self, session: Session, folder: Path, clerk: Officer) -> Review:
        return Review(
            day=business_date(self._clock.now()),
            folder=folder,
            rules=self._rules,
            reference=self._reference,
            population=self._population,
            banks=self._banks,
            known=_known(session),
            operator_id=clerk.person,
        )

    def _enter(self, session: Session, found: Examined, form: str, clerk: Officer) -> Accepted:
        row, now = found.applicant, to_ms(self._clock.now())
        person = Persons(session).find(row.id_type, row.id_no)
        if person is None:
            person = PersonRow(person_id=numbers.next_person_id(session, RegionCode(found.city)), version=0)
        _fill_person(person, found)
        put(session, person)
        outbox.tell_person(session, person, now)
        day = business_date(self._clock.now()).strftime("%Y%m%d")
        order = OrderRow(
            order_id=numbers.next_order_id(session, day),
            person_id=person.person_id,
            order_type=OrderType.NEW.value,
            status=OrderStatus.APPLIED.value,
            make_status=MakeStatus.ENTERED.value,
            form_batch=form,
            form_row=row.row,
            bank=row.bank,
            region=found.city,
            clerk=clerk.person,
            applied_at=now,
        )
        put(session, order)
        return Accepted(row.row, order.order_id, person.person_id)

    def _release(self, approver: Officer) -> list[_Waiting]:
        with transaction(self._engine) as session:
            orders = Orders(session).with_status(OrderStatus.APPLIED)
            people = {order.order_id: Persons(session).get(order.person_id) for order in orders}
            subjects = {person.id_no for person in people.values() if person}
            if not approver.person or approver.person in subjects | {order.clerk for order in orders}:
                raise SeparationError("the approver is the clerk or the applicant of an order in this batch")
            asked: list[_Waiting] = []
            for order in orders:
                person = people[order.order_id]
                if person is None:
                    raise ValueError("an order without its person")
                order.status = ORDER_TABLE.after(OrderStatus.APPLIED, OrderOp.APPROVE).value
                order.make_status = _sent_to_bank(MakeStatus(order.make_status))
                order.approver = approver.person
                order.approved_at = to_ms(self._clock.now())
                if not order.card_no:
                    order.card_no = numbers.reserve_card_number(session, order.order_id, self._prefix).text
                if order.account:  # a replacement at the same bank keeps its account
                    order.make_status = MAKE_TABLE.after(MakeStatus.SENT_TO_BANK, MakeOp.BANK_ANSWERED).value
                asked.append(_Waiting(order.order_id, order.bank, order.account, _request(order, person)))
            return asked

    def _open_account(self, item: _Waiting) -> str | Exception:
        try:
            return self._banks[item.bank].pre_open(item.request)
        except (BankRefusedError, BankLinkError) as bad:
            return bad

    def _book_accounts(self, answers: Mapping[str, str | Exception]) -> list[tuple[str, str]]:
        kept_back: list[tuple[str, str]] = []
        with transaction(self._engine) as session:
            for order_id, answer in answers.items():
                order = Orders(session).get(order_id)
                if order is None:
                    raise ValueError("an order vanished")
                if isinstance(answer, str):
                    order.account = answer
                    order.make_status = MAKE_TABLE.after(MakeStatus.SENT_TO_BANK, MakeOp.BANK_ANSWERED).value
                    continue
                silent = isinstance(answer, BankLinkError)
                failed = MakeOp.BANK_SILENT if silent else MakeOp.BANK_REFUSED
                order.make_status = MAKE_TABLE.after(MakeStatus.SENT_TO_BANK, failed).value
                order.status = ORDER_TABLE.after(OrderStatus.IN_PROCESS, OrderOp.STUMBLE).value
                kept_back.append((order_id, BankLinkError.code if silent else BankRefusedError.code))
        return kept_back


def _known(session: Session) -> Known:
    persons, cards, orders = Persons(session), Cards(session), Orders(session)

    def holds_card(id_type: str, id_no: str) -> bool:
        person = persons.find(id_type, id_no)
        return person is not None and bool(cards.live_of(person.person_id))

    def has_open_order(id_type: str, id_no: str) -> bool:
        person = persons.find(id_type, id_no)
        return person is not None and bool(orders.open_of(person.person_id))

    def is_dead(id_type: str, id_no: str) -> bool:
        person = persons.find(id_type, id_no)
        return person is not None and person.life_status == DEAD

    return Known(holds_card, has_open_order, is_dead)


def _sent_to_bank(now: MakeStatus) -> str:
    batched = now if now is MakeStatus.BATCHED else MAKE_TABLE.after(now, MakeOp.BATCH)
    return MAKE_TABLE.after(batched, MakeOp.SEND_TO_BANK).value


def _fill_person(person: PersonRow, found: Examined) -> None:
    row = found.applicant
    for name in ("id_type", "id_no", "id_valid_to", "name", "sex", "nation", "birth_date", "nationality", "mobile"):
        setattr(person, name, getattr(row, name))
    for name in ("household_address", "living_address", "life_status", "photo"):
        setattr(person, name, getattr(row, name))
    for name in ("guardian_name", "guardian_id_type", "guardian_id_no"):
        setattr(person, name, getattr(row, name))
    person.region = row.region
    person.photo_digest = found.photo_digest
    person.population = found.population


def _request(order: OrderRow, person: PersonRow) -> AccountRequest:
    return AccountRequest(
        reference=order.order_id,
        id_type=person.id_type,
        id_no=person.id_no,
        name=person.name,
        id_valid_to=person.id_valid_to,
        sex=person.sex,
        birth_date=person.birth_date,
        nationality=person.nationality,
        mobile=person.mobile,
        address=person.living_address,
        guardian_id_no=person.guardian_id_no,
    )
