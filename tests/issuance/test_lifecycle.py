"""What happens to cards: the tables cell by cell, then the same on real rows with their outbox."""

from datetime import date
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.lifecycle import AccountState, CardState
from issuance import outbox
from issuance.application.desk import Officer
from issuance.application.states import MAKE_TABLE, ORDER_TABLE, MakeOp, MakeStatus, OrderOp, OrderStatus
from issuance.bank_leg import ALREADY, BANK_LEG_FAILED, DONE
from issuance.database import transaction
from issuance.errors import (
    HolderMismatchError,
    NotHandedOutError,
    OrderOpenError,
    TransitionRefusedError,
    UnknownSubjectError,
)
from issuance.lifecycle import Lifecycle, LifecycleRules, cards_of, view
from issuance.repository import Numbers, Orders
from issuance.transitions import (
    ACCOUNT_TABLE,
    BANK_LEG,
    CARD_TABLE,
    REACHED,
    STOCK_TABLE,
    AccountOp,
    CardOp,
    StockOp,
    StockStatus,
    ecard_state,
    unloss_target,
)
from tests.issuance.office import APPROVER, Office, row

# business-rules §3.2 (c), row by row: from -> to -> operations that lead there.
PUBLISHED = {
    ("0", "1"): {CardOp.ENABLE},
    ("0", "2"): {CardOp.FORMAL_LOSS},
    ("0", "9"): {CardOp.CANCEL, CardOp.SUPERSEDE, CardOp.CANCEL_DEATH},
    ("1", "2"): {CardOp.FORMAL_LOSS},
    ("1", "3"): {CardOp.LOCK},
    ("1", "4"): {CardOp.TEMPORARY_LOSS},
    ("1", "9"): {CardOp.CANCEL, CardOp.SUPERSEDE, CardOp.CANCEL_DEATH},
    ("2", "1"): {CardOp.UNLOSS},
    ("2", "9"): {CardOp.CANCEL, CardOp.SUPERSEDE, CardOp.CANCEL_DEATH},
    ("3", "1"): {CardOp.UNLOCK},
    ("3", "2"): {CardOp.FORMAL_LOSS},
    ("3", "4"): {CardOp.TEMPORARY_LOSS},
    ("3", "9"): {CardOp.CANCEL, CardOp.SUPERSEDE, CardOp.CANCEL_DEATH},
    ("4", "1"): {CardOp.UNLOSS},
    ("4", "2"): {CardOp.FORMAL_LOSS},
    ("4", "9"): {CardOp.CANCEL_DEATH},
}


@pytest.mark.parametrize(("state", "operation"), list(product(CardState, CardOp)))
def test_every_cell_of_the_card_table(state: CardState, operation: CardOp) -> None:
    targets = [to for (start, to), operations in PUBLISHED.items() if start == state.value and operation in operations]
    if targets:
        assert CARD_TABLE.after(state, operation).value == targets[0]
    else:
        with pytest.raises(TransitionRefusedError) as refused:
            CARD_TABLE.after(state, operation)
        assert (refused.value.table, refused.value.state) == ("card", state.value)


@pytest.mark.parametrize(
    ("table", "states", "operations"),
    [
        (CARD_TABLE, CardState, CardOp),
        (ACCOUNT_TABLE, AccountState, AccountOp),
        (STOCK_TABLE, StockStatus, StockOp),
        (ORDER_TABLE, OrderStatus, OrderOp),
        (MAKE_TABLE, MakeStatus, MakeOp),
    ],
    ids=["card", "account", "chip", "order", "production"],
)
def test_tables_are_closed(table: object, states: object, operations: object) -> None:
    """Each table stays within its states, and every operation occurs in it."""
    rows = table.rows  # type: ignore[attr-defined]
    assert {state for state, _ in rows} | set(rows.values()) <= set(states)  # type: ignore[call-overload]
    assert {operation for _, operation in rows} == set(operations)  # type: ignore[call-overload]


def test_cancelled_and_closed_are_the_end() -> None:
    assert not [cell for cell in CARD_TABLE.rows if cell[0] is CardState.CANCELLED]
    assert not [cell for cell in ACCOUNT_TABLE.rows if cell[0] is AccountState.CLOSED]
    assert not [cell for cell in STOCK_TABLE.rows if cell[0] is StockStatus.DESTROYED]


def test_the_electronic_card_follows_its_card() -> None:
    assert [ecard_state(state) for state in CardState] == list(CardState)
    assert set(BANK_LEG) <= set(CardOp) and set(REACHED) <= set(CardOp)


@given(st.lists(st.sampled_from(CardOp), max_size=30))
def test_no_walk_leaves_the_table_or_comes_back_from_the_end(operations: list[CardOp]) -> None:
    state, before = CardState.SEALED, ""
    for operation in operations:
        if not CARD_TABLE.allows(state, operation):
            continue
        assert state is not CardState.CANCELLED
        target = unloss_target(state, before) if operation is CardOp.UNLOSS else CARD_TABLE.after(state, operation)
        if operation is CardOp.UNLOSS and state is CardState.TEMPORARY_LOSS:
            assert target.value == before or before not in ("1", "3")
        state, before = target, state.value


def test_a_life(any_office: Office) -> None:
    """Made, handed out, enabled, lost for a day, found, lost for good, replaced."""
    office = any_office
    card = office.make([row()])[0]
    life = office.branch.lifecycle
    with pytest.raises(NotHandedOutError):
        life.enable(card.card_id)
    office.hand_out(card)
    assert [life.enable(card.card_id).code for _ in range(2)] == [DONE, ALREADY]
    assert [life.temp_loss(card.card_id).code for _ in range(2)] == [DONE, ALREADY]
    assert view(office.engine, card.card_id).account_status == AccountState.ORAL_LOSS.value
    assert [life.unloss(card.card_id).code for _ in range(2)] == [DONE, ALREADY]
    assert [life.formal_loss(card.card_id).code for _ in range(2)] == [DONE, ALREADY]
    with pytest.raises(TransitionRefusedError):
        life.unloss(card.card_id)
    lost = view(office.engine, card.card_id)
    assert (lost.status, lost.ecard_status, lost.account_status) == ("2", "2", "3")

    order = office.branch.order_replacement(card.card_id, "lost")
    with pytest.raises(OrderOpenError):
        office.branch.order_replacement(card.card_id, "lost")
    assert office.branch.approve().approved == (order,)
    new = office.branch.personalize(office.rack, office.blanks(1), slots=("encoder-0",)).cards[0]
    with pytest.raises(OrderOpenError):
        office.branch.order_replacement(card.card_id, "again")
    office.hand_out(new)
    assert office.branch.enable(new.card_id).code == DONE
    old, now = view(office.engine, card.card_id), view(office.engine, new.card_id)
    assert (old.status, old.ecard_status, old.reason, old.superseded) == ("9", "9", "replaced", True)
    assert (now.status, now.ecard_status, now.supersedes) == ("1", "1", card.card_id)
    assert (now.account, now.bank, now.account_status) == (old.account, old.bank, AccountState.ACTIVE.value)
    assert len({old.card_no, now.card_no, old.asn, now.asn, old.ecard_serial, now.ecard_serial}) == 6
    assert len(cards_of(office.engine, now.person_id)) == 2


def test_the_outbox_tells_every_step_in_order(office: Office) -> None:
    card = office.enabled([row()])[0]
    office.branch.lifecycle.formal_loss(card.card_id)
    told = outbox.read(office.engine, 0, 100)
    assert all(before.position < after.position for before, after in pairwise(told))
    mine = [item for item in told if item.kind == "card"]
    assert [item.version for item in mine] == list(range(1, len(mine) + 1))
    assert [item.payload["reason"] for item in mine] == [
        "made",
        "handed_out",
        "enabled",
        "enabled",
        "formal_loss",
        "formal_loss",
    ]
    assert [item.payload["account_status"] for item in mine] == ["0", "0", "0", "1", "1", "3"]
    assert outbox.read(office.engine, told[1].position, 2) == told[2:4]
    payload = mine[-1].payload
    assert (len(payload["asn"]), len(payload["issuer"]), len(payload["ecard_serial"])) == (16, 16, 19)
    assert payload["card_id"] == card.card_id and payload["supersedes"] == ""


def test_a_change_and_its_message_are_one(office: Office) -> None:
    card = office.make([row()])[0]
    before = outbox.read(office.engine, 0, 100)
    with pytest.raises(TransitionRefusedError):
        office.branch.lifecycle.lock(card.card_id)
    with pytest.raises(NotHandedOutError):
        office.branch.lifecycle.enable(card.card_id)
    assert outbox.read(office.engine, 0, 100) == before


def test_a_locked_card_is_locked_again_after_its_temporary_loss(office: Office) -> None:
    life, card = office.branch.lifecycle, office.enabled([row()])[0].card_id
    life.lock(card)
    life.temp_loss(card)
    assert life.unloss(card).state is CardState.LOCKED
    assert life.unlock(card).state is CardState.NORMAL


def test_temporary_loss_runs_out(office: Office) -> None:
    life, card = office.branch.lifecycle, office.enabled([row()])[0].card_id
    life.temp_loss(card)
    office.clock.advance(days=6)
    assert life.release_expired() == []
    office.clock.advance(days=1)
    assert life.release_expired() == [card]
    found = view(office.engine, card)
    assert (found.status, found.reason) == ("1", "temporary_loss_expired")
    assert office.banks["102"].accounts[found.account] is AccountState.ACTIVE


def test_formal_unloss_where_configured(office: Office) -> None:
    card = office.enabled([row()])[0].card_id
    life = Lifecycle(office.engine, clock=office.clock, banks=office.banks, rules=LifecycleRules(formal_unloss=True))
    life.formal_loss(card)
    assert life.unloss(card).state is CardState.NORMAL
    life.formal_loss(card)
    office.branch.order_replacement(card, "lost")
    with pytest.raises(OrderOpenError):
        life.unloss(card)


def test_a_bank_that_is_down_owes_its_leg(office: Office) -> None:
    """Result 02: ours holds, the bank's half becomes a task (business-rules §3.3)."""
    life, card = office.branch.lifecycle, office.enabled([row()])[0].card_id
    office.banks["102"].down = True
    assert life.formal_loss(card).code == BANK_LEG_FAILED
    found = view(office.engine, card)
    assert (found.status, found.account_status) == ("2", "1")
    assert life.retry_bank() == 1
    office.banks["102"].down = False
    assert life.retry_bank() == 0
    assert view(office.engine, card).account_status == "3"
    assert office.banks["102"].accounts[found.account] is AccountState.WRITTEN_LOSS


def test_death_ends_everything(office: Office) -> None:
    life, card = office.branch.lifecycle, office.enabled([row()])[0].card_id
    order = office.branch.order_replacement(card, "worn")
    number, name = row()["id_no"], row()["name"]
    with pytest.raises(HolderMismatchError):
        life.cancel_death(number, "别人", date(2026, 11, 20), "civil affairs")
    with pytest.raises(UnknownSubjectError):
        life.cancel_death("460000190001010000", name, date(2026, 11, 20), "civil affairs")
    assert life.cancel_death(number, name, date(2026, 11, 20), "civil affairs").code == DONE
    assert life.cancel_death(number, name, date(2026, 11, 20), "civil affairs").code == ALREADY
    found = view(office.engine, card)
    assert (found.status, found.reason, found.ecard_status) == ("9", "deceased", "9")
    assert office.banks["102"].accounts[found.account] is AccountState.FROZEN
    people = [item for item in outbox.read(office.engine, 0, 100) if item.kind == "person"]
    assert people[-1].payload["life_status"] == "2"
    with transaction(office.engine) as session:
        withdrawn = Orders(session).get(order)
        assert withdrawn is not None and withdrawn.status == OrderStatus.WITHDRAWN.value


def test_death_gives_a_number_back_that_met_no_chip(office: Office) -> None:
    office.order([row()])
    office.branch.lifecycle.cancel_death(row()["id_no"], row()["name"], date(2026, 11, 20), "police")
    with transaction(office.engine) as session:
        assert Numbers(session).counts() == {"00": 1}
    assert office.branch.waiting() == []


@pytest.mark.parametrize("operation", ["temp_loss", "formal_loss", "lock", "unlock", "cancel", "unloss", "enable"])
def test_unknown_card(office: Office, operation: str) -> None:
    with pytest.raises(UnknownSubjectError):
        getattr(office.branch.lifecycle, operation)("00" * 16)


def test_no_replacement_out_of_temporary_loss_or_after_the_end(office: Office) -> None:
    life, card = office.branch.lifecycle, office.enabled([row()])[0].card_id
    life.temp_loss(card)
    with pytest.raises(TransitionRefusedError):
        office.branch.order_replacement(card, "lost")
    life.unloss(card)
    life.cancel(card)
    with pytest.raises(TransitionRefusedError):
        office.branch.order_replacement(card, "lost")


def test_a_replacement_needs_four_eyes_too(office: Office) -> None:
    card = office.enabled([row()])[0].card_id
    order = office.branch.order_replacement(card, "worn", bank="403")
    office.approver = Officer("460000196601010013", "third")
    assert APPROVER.person != office.approver.person
    assert office.open_branch().approve().approved == (order,)
    new = office.branch.personalize(office.rack, office.blanks(1), slots=("encoder-0",)).cards[0]
    found = view(office.engine, new.card_id)
    assert (found.bank, found.account_status) == ("403", "0")
    assert found.account in office.banks["403"].accounts
