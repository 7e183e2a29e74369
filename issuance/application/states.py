"""Order and production states, each with its own table (business-rules §3.2 a and b)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from issuance.errors import TransitionRefusedError

S = TypeVar("S", bound=Enum)
O = TypeVar("O", bound=Enum)  # noqa: E741


@dataclass(frozen=True, slots=True)
class TransitionTable(Generic[S, O]):
    """Every allowed step of one state field; an empty cell is refused."""

    name: str
    rows: Mapping[tuple[S, O], S]

    def after(self, state: S, operation: O) -> S:
        """The next state; TransitionRefusedError for an empty cell."""
        try:
            return self.rows[(state, operation)]
        except KeyError:
            raise TransitionRefusedError(self.name, str(state.value), str(operation.value)) from None

    def allows(self, state: S, operation: O) -> bool:
        return (state, operation) in self.rows


class OrderType(Enum):
    NEW = "01"
    LOST_REISSUE = "05"
    REPLACE = "06"
    WARRANTY_REPLACE = "07"


class OrderStatus(Enum):
    APPLIED = "00"
    WITHDRAWN = "01"
    SUCCESS = "02"
    FAILED = "03"
    EXCEPTION = "04"
    IN_PROCESS = "05"
    EXCEPTION_SOLVED = "06"
    EXCEPTION_NOT_SOLVED = "07"


class OrderOp(Enum):
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    COMPLETE = "complete"
    STUMBLE = "stumble"
    SOLVE = "solve"
    GIVE_UP = "give up"


ORDER_TABLE: TransitionTable[OrderStatus, OrderOp] = TransitionTable(
    "order",
    {
        (OrderStatus.APPLIED, OrderOp.APPROVE): OrderStatus.IN_PROCESS,
        (OrderStatus.APPLIED, OrderOp.REFUSE): OrderStatus.FAILED,
        (OrderStatus.APPLIED, OrderOp.WITHDRAW): OrderStatus.WITHDRAWN,
        (OrderStatus.IN_PROCESS, OrderOp.COMPLETE): OrderStatus.SUCCESS,
        (OrderStatus.IN_PROCESS, OrderOp.STUMBLE): OrderStatus.EXCEPTION,
        (OrderStatus.IN_PROCESS, OrderOp.WITHDRAW): OrderStatus.WITHDRAWN,
        (OrderStatus.EXCEPTION, OrderOp.SOLVE): OrderStatus.EXCEPTION_SOLVED,
        (OrderStatus.EXCEPTION, OrderOp.GIVE_UP): OrderStatus.EXCEPTION_NOT_SOLVED,
        (OrderStatus.EXCEPTION, OrderOp.WITHDRAW): OrderStatus.WITHDRAWN,
        (OrderStatus.EXCEPTION_SOLVED, OrderOp.COMPLETE): OrderStatus.SUCCESS,
        (OrderStatus.EXCEPTION_SOLVED, OrderOp.STUMBLE): OrderStatus.EXCEPTION,
        (OrderStatus.EXCEPTION_SOLVED, OrderOp.WITHDRAW): OrderStatus.WITHDRAWN,
    },
)
# An order in one of these still keeps its person from another application.
OPEN_ORDERS = frozenset(
    {OrderStatus.APPLIED, OrderStatus.IN_PROCESS, OrderStatus.EXCEPTION, OrderStatus.EXCEPTION_SOLVED}
)


class MakeStatus(Enum):
    """Production of one card, instant making at the branch (business-rules §3.2 b)."""

    ENTERED = "00"
    BATCHED = "10"
    SENT_TO_BANK = "20"
    ACCOUNT_BACK = "21"
    BANK_EXPORT_FAILED = "22"
    BANK_RETURN_FAILED = "23"
    MADE = "50"
    MAKING_FAILED = "51"
    AT_OUTLET = "60"
    HANDED_OUT = "70"


class MakeOp(Enum):
    BATCH = "batch"
    SEND_TO_BANK = "send to bank"
    BANK_ANSWERED = "bank answered"
    BANK_SILENT = "bank silent"
    BANK_REFUSED = "bank refused"
    MAKE = "make"
    SPOIL = "spoil"
    RETURN = "return to batch"
    STORE = "store at outlet"
    HAND_OUT = "hand out"


MAKE_TABLE: TransitionTable[MakeStatus, MakeOp] = TransitionTable(
    "production",
    {
        (MakeStatus.ENTERED, MakeOp.BATCH): MakeStatus.BATCHED,
        (MakeStatus.BATCHED, MakeOp.SEND_TO_BANK): MakeStatus.SENT_TO_BANK,
        (MakeStatus.SENT_TO_BANK, MakeOp.BANK_ANSWERED): MakeStatus.ACCOUNT_BACK,
        (MakeStatus.SENT_TO_BANK, MakeOp.BANK_SILENT): MakeStatus.BANK_EXPORT_FAILED,
        (MakeStatus.SENT_TO_BANK, MakeOp.BANK_REFUSED): MakeStatus.BANK_RETURN_FAILED,
        (MakeStatus.BANK_EXPORT_FAILED, MakeOp.RETURN): MakeStatus.BATCHED,
        (MakeStatus.BANK_RETURN_FAILED, MakeOp.RETURN): MakeStatus.BATCHED,
        (MakeStatus.ACCOUNT_BACK, MakeOp.MAKE): MakeStatus.MADE,
        (MakeStatus.ACCOUNT_BACK, MakeOp.SPOIL): MakeStatus.MAKING_FAILED,
        # A failed card goes to the waste slot, its order back to the batch (business-rules §4.8).
        (MakeStatus.MAKING_FAILED, MakeOp.RETURN): MakeStatus.BATCHED,
        (MakeStatus.MADE, MakeOp.STORE): MakeStatus.AT_OUTLET,
        (MakeStatus.AT_OUTLET, MakeOp.HAND_OUT): MakeStatus.HANDED_OUT,
    },
)
