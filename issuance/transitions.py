"""Card, account, electronic card and chip: a table for each state field (business-rules §3.2 c to f)."""

from enum import Enum
from typing import Final

from card.domain.lifecycle import AccountState, CardState
from issuance.application.states import TransitionTable


class CardOp(Enum):
    """What can happen to a card's application state."""

    ENABLE = "enable"
    TEMPORARY_LOSS = "temporary loss"
    FORMAL_LOSS = "formal loss"
    UNLOSS = "unloss"
    LOCK = "lock"
    UNLOCK = "unlock"
    CANCEL = "cancel"
    CANCEL_DEATH = "cancel after death"
    SUPERSEDE = "new card enabled"


_S = CardState
# UNLOSS of a temporary loss goes back to where the card was, which may be LOCKED: see `unloss_target`.
CARD_TABLE: Final[TransitionTable[CardState, CardOp]] = TransitionTable(
    "card",
    {
        (_S.SEALED, CardOp.ENABLE): _S.NORMAL,
        (_S.SEALED, CardOp.FORMAL_LOSS): _S.FORMAL_LOSS,
        (_S.SEALED, CardOp.CANCEL): _S.CANCELLED,
        (_S.SEALED, CardOp.SUPERSEDE): _S.CANCELLED,
        (_S.SEALED, CardOp.CANCEL_DEATH): _S.CANCELLED,
        (_S.NORMAL, CardOp.FORMAL_LOSS): _S.FORMAL_LOSS,
        (_S.NORMAL, CardOp.LOCK): _S.LOCKED,
        (_S.NORMAL, CardOp.TEMPORARY_LOSS): _S.TEMPORARY_LOSS,
        (_S.NORMAL, CardOp.CANCEL): _S.CANCELLED,
        (_S.NORMAL, CardOp.SUPERSEDE): _S.CANCELLED,
        (_S.NORMAL, CardOp.CANCEL_DEATH): _S.CANCELLED,
        (_S.FORMAL_LOSS, CardOp.UNLOSS): _S.NORMAL,
        (_S.FORMAL_LOSS, CardOp.CANCEL): _S.CANCELLED,
        (_S.FORMAL_LOSS, CardOp.SUPERSEDE): _S.CANCELLED,
        (_S.FORMAL_LOSS, CardOp.CANCEL_DEATH): _S.CANCELLED,
        (_S.LOCKED, CardOp.UNLOCK): _S.NORMAL,
        (_S.LOCKED, CardOp.FORMAL_LOSS): _S.FORMAL_LOSS,
        (_S.LOCKED, CardOp.TEMPORARY_LOSS): _S.TEMPORARY_LOSS,
        (_S.LOCKED, CardOp.CANCEL): _S.CANCELLED,
        (_S.LOCKED, CardOp.SUPERSEDE): _S.CANCELLED,
        (_S.LOCKED, CardOp.CANCEL_DEATH): _S.CANCELLED,
        (_S.TEMPORARY_LOSS, CardOp.UNLOSS): _S.NORMAL,
        (_S.TEMPORARY_LOSS, CardOp.FORMAL_LOSS): _S.FORMAL_LOSS,
        (_S.TEMPORARY_LOSS, CardOp.CANCEL_DEATH): _S.CANCELLED,
    },
)
# Where an operation leaves a card: asking for it again there is success `01`, not an error (business-rules §3.3).
REACHED: Final = {
    CardOp.ENABLE: _S.NORMAL,
    CardOp.TEMPORARY_LOSS: _S.TEMPORARY_LOSS,
    CardOp.FORMAL_LOSS: _S.FORMAL_LOSS,
    CardOp.LOCK: _S.LOCKED,
    CardOp.CANCEL: _S.CANCELLED,
    CardOp.CANCEL_DEATH: _S.CANCELLED,
    CardOp.SUPERSEDE: _S.CANCELLED,
}


def unloss_target(now: CardState, before: str) -> CardState:
    """State after UNLOSS: a card locked before its temporary loss is locked again (business-rules §3.2 c)."""
    target = CARD_TABLE.after(now, CardOp.UNLOSS)
    return CardState.LOCKED if now is _S.TEMPORARY_LOSS and before == _S.LOCKED.value else target


class AccountOp(Enum):
    """What the card's life asks of the bank account behind it."""

    ACTIVATE = "activate"
    ORAL_LOSS = "oral loss"
    WRITTEN_LOSS = "written loss"
    RELEASE = "release"
    FREEZE = "freeze"
    CLOSE = "close"


_A = AccountState
ACCOUNT_TABLE: Final[TransitionTable[AccountState, AccountOp]] = TransitionTable(
    "account",
    {
        (_A.PRE_OPENED, AccountOp.ACTIVATE): _A.ACTIVE,
        (_A.PRE_OPENED, AccountOp.WRITTEN_LOSS): _A.WRITTEN_LOSS,
        (_A.PRE_OPENED, AccountOp.FREEZE): _A.FROZEN,
        (_A.PRE_OPENED, AccountOp.CLOSE): _A.CLOSED,
        (_A.ACTIVE, AccountOp.ORAL_LOSS): _A.ORAL_LOSS,
        (_A.ACTIVE, AccountOp.WRITTEN_LOSS): _A.WRITTEN_LOSS,
        (_A.ACTIVE, AccountOp.FREEZE): _A.FROZEN,
        (_A.ACTIVE, AccountOp.CLOSE): _A.CLOSED,
        (_A.ORAL_LOSS, AccountOp.RELEASE): _A.ACTIVE,
        (_A.ORAL_LOSS, AccountOp.WRITTEN_LOSS): _A.WRITTEN_LOSS,
        (_A.ORAL_LOSS, AccountOp.FREEZE): _A.FROZEN,
        (_A.WRITTEN_LOSS, AccountOp.ACTIVATE): _A.ACTIVE,
        (_A.WRITTEN_LOSS, AccountOp.RELEASE): _A.ACTIVE,
        (_A.WRITTEN_LOSS, AccountOp.FREEZE): _A.FROZEN,
        (_A.WRITTEN_LOSS, AccountOp.CLOSE): _A.CLOSED,
        (_A.DORMANT, AccountOp.ACTIVATE): _A.ACTIVE,
        (_A.DORMANT, AccountOp.FREEZE): _A.FROZEN,
        (_A.DORMANT, AccountOp.CLOSE): _A.CLOSED,
        (_A.FROZEN, AccountOp.CLOSE): _A.CLOSED,
    },
)
# The bank leg of each card operation; an operation that is not here leaves the account alone.
BANK_LEG: Final = {
    CardOp.ENABLE: AccountOp.ACTIVATE,
    CardOp.TEMPORARY_LOSS: AccountOp.ORAL_LOSS,
    CardOp.FORMAL_LOSS: AccountOp.WRITTEN_LOSS,
    CardOp.UNLOSS: AccountOp.RELEASE,
    CardOp.CANCEL: AccountOp.CLOSE,
    CardOp.CANCEL_DEATH: AccountOp.FREEZE,  # then the bank's succession process (business-rules §3.1)
}


def ecard_state(card: CardState) -> CardState:
    """The electronic card has the status of its card, one to one (business-rules §3.2 e, A)."""
    return card


class StockStatus(Enum):
    """The physical item, from the moment it carries a person (business-rules §4.8)."""

    PERSONALISED = "PERSONALISED"
    WAIT_PICKUP = "WAIT_PICKUP"
    ISSUED = "ISSUED"
    RECOVERED = "RECOVERED"
    DESTROYED = "DESTROYED"


class StockOp(Enum):
    STORE = "store"
    HAND_OUT = "hand out"
    RECOVER = "take back"
    DESTROY = "destroy"


STOCK_TABLE: Final[TransitionTable[StockStatus, StockOp]] = TransitionTable(
    "chip",
    {
        (StockStatus.PERSONALISED, StockOp.STORE): StockStatus.WAIT_PICKUP,
        (StockStatus.WAIT_PICKUP, StockOp.HAND_OUT): StockStatus.ISSUED,
        (StockStatus.WAIT_PICKUP, StockOp.DESTROY): StockStatus.DESTROYED,
        (StockStatus.ISSUED, StockOp.RECOVER): StockStatus.RECOVERED,
        (StockStatus.RECOVERED, StockOp.DESTROY): StockStatus.DESTROYED,
    },
)
