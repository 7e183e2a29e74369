"""The bank behind a card, as issuance sees it: may this person open, open, tell and ask the state of an account."""

from dataclasses import dataclass, field
from typing import Protocol

from card.domain.lifecycle import AccountState


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """What a pre-opening carries (business-rules §4.3, file BKO). `reference` is the order number: asking twice with
    one reference opens one account."""

    reference: str
    id_type: str
    id_no: str = field(repr=False)
    name: str = field(repr=False)
    id_valid_to: str
    sex: str
    birth_date: str
    nationality: str
    mobile: str = field(repr=False)
    address: str = field(repr=False)
    guardian_id_no: str = field(default="", repr=False)


class Bank(Protocol):
    """One cooperating bank. Every method may raise BankLinkError."""

    def check(self, request: AccountRequest) -> None:
        """BankRefusedError when this person cannot have an account (V8: Class I slot, money laundering, document)."""
        ...

    def pre_open(self, request: AccountRequest) -> str:
        """Account number, 16 to 19 digits with a Luhn digit, in state 0 pre-opened. BankRefusedError."""
        ...

    def set_state(self, account: str, state: AccountState) -> AccountState:
        """Activate, block, release or close; the state the account then has. BankRefusedError."""
        ...

    def state_of(self, account: str) -> AccountState:
        """BankRefusedError for an account of somebody else."""
        ...
