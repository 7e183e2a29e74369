"""The bank's half of a card operation: after ours, never undoing ours (business-rules §3.3, result 02)."""

from collections.abc import Mapping
from dataclasses import dataclass

from card.domain.clock import Clock, to_ms
from card.domain.lifecycle import AccountState, CardState
from issuance import outbox
from issuance.bank import Bank
from issuance.database import Engine, Session, transaction
from issuance.errors import BankLinkError, BankRefusedError, UnknownSubjectError
from issuance.repository import Cards, open_bank_tasks, put
from issuance.rows import BankTaskRow, CardRow
from issuance.transitions import ACCOUNT_TABLE, BANK_LEG, CardOp

DONE = "00"
ALREADY = "01"
BANK_LEG_FAILED = "02"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` 00 done, 01 already so, 02 ours done and the bank's leg owed."""

    code: str
    card_id: str = ""
    state: CardState | None = None


class BankLegs:
    """Tells the bank, and remembers what it still owes an answer to."""

    def __init__(self, engine: Engine, *, clock: Clock, banks: Mapping[str, Bank]) -> None:
        self._engine = engine
        self._clock = clock
        self._banks = banks

    def follow(self, card_id: str, operation: CardOp, state: CardState) -> Outcome:
        """The leg of `operation`, written down as a task before the bank is asked."""
        leg = BANK_LEG.get(operation)
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            before = AccountState(card.account_status)
            if leg is None or not card.account or not ACCOUNT_TABLE.allows(before, leg):
                return Outcome(DONE, card_id, state)
            wanted = ACCOUNT_TABLE.after(before, leg)
            task = BankTaskRow(
                card_id=card_id,
                bank=card.bank,
                account=card.account,
                wanted=wanted.value,
                done=False,
                at=to_ms(self._clock.now()),
            )
            put(session, task)
            number = task.task
        return Outcome(DONE if self._settle(number, card_id, wanted) else BANK_LEG_FAILED, card_id, state)

    def retry(self) -> int:
        """Every owed leg once more, oldest first; returns how many are still owed."""
        with transaction(self._engine) as session:
            tasks = [(task.task, task.card_id, task.wanted) for task in open_bank_tasks(session)]
        return sum(not self._settle(task, card_id, AccountState(wanted)) for task, card_id, wanted in tasks)

    def _settle(self, task: int, card_id: str, wanted: AccountState) -> bool:
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            bank, account = card.bank, card.account
        try:
            reached = self._banks[bank].set_state(account, wanted)
        except (BankLinkError, BankRefusedError, KeyError):
            return False
        with transaction(self._engine) as session:
            card = card_row(session, card_id)
            card.account_status = reached.value
            outbox.tell_card(session, card, to_ms(self._clock.now()))
            for row in open_bank_tasks(session):
                row.done = row.done or row.task == task
        return True


def card_row(session: Session, card_id: str) -> CardRow:
    """The card, held until commit. UnknownSubjectError."""
    card = Cards(session).locked(card_id)
    if card is None:
        raise UnknownSubjectError("no such card")
    return card
