"""Simulated banks: accounts, payment files in, return files out, and a few things that go wrong on purpose.

A stand-in behind two ports: `issuance.bank.Bank` (pre-opening, account states) and `server.benefit.bank_link.BankLink`
(files, queries, statements). Deterministic: the same calls at the same times make the same bytes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from card.domain.clock import Clock, business_time
from card.domain.lifecycle import AccountState
from firmware_sim.bank_book import Account, BankBook, account_number
from firmware_sim.bank_files import HOUSES, read_payment
from issuance.bank import AccountRequest
from issuance.errors import BankRefusedError
from server.benefit.bank_link import QueryAnswer, StatementLine
from server.benefit.dialects.grammar import Status
from server.benefit.errors import BankLinkError

# What can be made to go wrong; `refuse_open` names an identity number, the others an account.
PLANTS = ("name_mismatch", "closed", "timeout", "silent", "late_return", "refuse_open")


class AccountDesk:
    """The counter of a bank: the port of issuance, and what moves a holder's own money."""

    def __init__(self, book: BankBook) -> None:
        self._book = book

    def check(self, request: AccountRequest) -> None:
        """BankRefusedError for whom `plant(..., "refuse_open")` named."""
        with self._book.turn:
            if request.id_no in self._book.refused:
                raise BankRefusedError(request.reference)

    def pre_open(self, request: AccountRequest) -> str:
        """An account in state 0; the same reference again returns the same account."""
        self.check(request)
        with self._book.turn:
            known = self._book.references.get(request.reference)
            if known is not None:
                return known
            number = account_number(self._book.bank, len(self._book.references) + 1)
            self._book.do("open", number=number, reference=request.reference, name=request.name)
            return number

    def set_state(self, account: str, state: AccountState) -> AccountState:
        with self._book.turn:
            self._held(account)
            self._book.do("state", number=account, state=state.value)
            return state

    def state_of(self, account: str) -> AccountState:
        with self._book.turn:
            return AccountState(self._held(account).state)

    def balance(self, account: str) -> int:
        """Fen in an account."""
        with self._book.turn:
            return self._held(account).balance

    def move(self, account: str, fen: int, key: str) -> None:
        """Pay in (positive) or take for a purse load (negative); one `key` counts once. BankRefusedError when short."""
        with self._book.turn:
            if key in self._book.moved:
                return
            if self._held(account).balance + fen < 0:
                raise BankRefusedError("not enough money in the account")
            self._book.do("move", number=account, fen=fen, key=key)

    def _held(self, number: str) -> Account:
        found = self._book.accounts.get(number)
        if found is None:
            raise BankRefusedError("no such account at this bank")
        return found


class FileDesk:
    """The line to the agency: the port of the payment run. `down` breaks it."""

    def __init__(self, book: BankBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self.down = False

    def deliver(self, name: str, raw: bytes) -> None:
        """Book a payment file once and put its return file out. The same file again changes nothing."""
        with self._up():
            if name in self._book.files:
                if self._book.files[name] != raw:
                    raise BankLinkError(f"file {name} came before with other content")
                return
            read_payment(self._book.bank, raw)
            self._book.do("file", name=name, raw=raw.hex(), at=self._now())

    def collect(self) -> Sequence[tuple[str, bytes]]:
        with self._up():
            return list(self._book.out)

    def query(self, e2e_id: str) -> QueryAnswer:
        """The truth about one line, which its return file may not have told. An unknown line stays pending."""
        reasons = HOUSES[self._book.bank].reasons
        with self._up():
            booking = self._book.bookings.get(e2e_id)
            if booking is None:
                return QueryAnswer(Status.PENDING, reasons["timeout"], 0)
            last = booking.returned or booking.result
            return QueryAnswer(Status(last.outcome), reasons[last.reason], last.order.fen, last.paid_at, last.serial)

    def statement(self, day: str) -> Sequence[StatementLine]:
        with self._up():
            found = []
            for e2e_id, booking in self._book.bookings.items():
                for result, sign in ((booking.result, 1), (booking.returned, -1)):
                    if result is not None and result.paid_at[:8] == day:
                        found.append(StatementLine(e2e_id, sign * result.order.fen, day, result.serial))
            return found

    def _up(self) -> AbstractContextManager[bool]:
        if self.down:
            raise BankLinkError(f"bank {self._book.bank} does not answer")
        return self._book.turn

    def _now(self) -> str:
        return f"{business_time(self._clock.now()):%Y%m%d%H%M%S}"


class SimBank(AccountDesk, FileDesk):
    """One bank, both desks over one book. `path` keeps its state; None keeps it in memory."""

    def __init__(self, bank: str, clock: Clock, path: Path | None = None) -> None:
        book = BankBook(bank, path)
        AccountDesk.__init__(self, book)
        FileDesk.__init__(self, book, clock)
        self.bank = bank

    def plant(self, subject: str, what: str, note: str = "") -> None:
        """Make `subject` go wrong; `note` of `name_mismatch` is the name the bank has on file. ValueError: unknown."""
        if what not in PLANTS:
            raise ValueError(f"no such plant: {what}")
        with self._book.turn:
            self._book.do("plant", subject=subject, what=what, note=note)

    def mend(self, account: str) -> None:
        """The bank corrects its record: the name as opened, the account open, nothing planted."""
        with self._book.turn:
            self._held(account)
            self._book.do("mend", number=account)

    def release_late(self) -> list[str]:
        """The late returns (退票) come out now, in further return files; names of those files."""
        with self._book.turn:
            before = len(self._book.out)
            self._book.do("late", at=self._now())
            return [name for name, _raw in self._book.out[before:]]


def make_banks(codes: Sequence[str], clock: Clock, folder: Path | None = None) -> dict[str, SimBank]:
    """A bank per code, each with its state file in `folder`. Fills `Connectors.banks` and issuance's banks alike."""
    return {code: SimBank(code, clock, folder / f"bank_{code}.jsonl" if folder else None) for code in codes}
