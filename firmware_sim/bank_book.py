"""The books of one simulated bank: what happened, one JSON line each; replaying the lines gives the same bank again."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from card.domain.lifecycle import AccountState
from firmware_sim.bank_files import Order, PaymentFile, Result, read_payment, write_return

RECEIVES = frozenset({AccountState.PRE_OPENED.value, AccountState.ACTIVE.value, AccountState.ORAL_LOSS.value})


@dataclass(slots=True)
class Account:
    """One account. `balance` in fen; `plants` are the things that go wrong with it."""

    number: str
    name: str = field(repr=False)
    on_file: str = field(repr=False)
    state: str = AccountState.PRE_OPENED.value
    balance: int = 0
    plants: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Booking:
    """What the bank decided about one payment line; `returned` when the money came back later."""

    batch_no: str
    result: Result
    returned: Result | None = None


class BankBook:
    """State and replay. `turn` serialises callers; `do` writes what happens before anybody is answered."""

    def __init__(self, bank: str, path: Path | None) -> None:
        self.bank = bank
        self.turn = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.references: dict[str, str] = {}
        self.refused: set[str] = set()
        self.bookings: dict[str, Booking] = {}
        self.files: dict[str, bytes] = {}
        self.out: list[tuple[str, bytes]] = []
        self.moved: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._serial = 0
        self._path = path
        if path is not None and path.exists():
            for row in path.read_text("utf-8").splitlines():
                self._play(json.loads(row))

    def do(self, kind: str, **what: Any) -> None:
        """Something happens: kept, then true."""
        row = {"kind": kind, **what}
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._play(row)

    def _play(self, row: Mapping[str, Any]) -> None:
        steps = {
            "open": self._open,
            "state": self._state,
            "plant": self._plant,
            "mend": self._mend,
            "move": self._move,
            "file": self._file,
            "late": self._late,
        }
        steps[row["kind"]](row)

    def _open(self, row: Mapping[str, Any]) -> None:
        self.references[row["reference"]] = row["number"]
        self.accounts[row["number"]] = Account(row["number"], row["name"], row["name"])

    def _state(self, row: Mapping[str, Any]) -> None:
        self.accounts[row["number"]].state = row["state"]

    def _plant(self, row: Mapping[str, Any]) -> None:
        if row["what"] == "refuse_open":
            self.refused.add(row["subject"])
            return
        account = self.accounts[row["subject"]]
        if row["what"] == "name_mismatch":
            account.on_file = row["note"] or account.name + "（误）"
        elif row["what"] == "closed":
            account.state = AccountState.CLOSED.value
        else:
            account.plants.add(row["what"])

    def _mend(self, row: Mapping[str, Any]) -> None:
        account = self.accounts[row["number"]]
        account.on_file, account.state = account.name, AccountState.ACTIVE.value
        account.plants.clear()

    def _move(self, row: Mapping[str, Any]) -> None:
        self.moved[row["key"]] = row["fen"]
        self.accounts[row["number"]].balance += row["fen"]

    def _file(self, row: Mapping[str, Any]) -> None:
        raw, at = bytes.fromhex(row["raw"]), row["at"]
        self.files[row["name"]] = raw
        found = read_payment(self.bank, raw)
        told = [told for order in found.orders if (told := self._book(found, order, at)) is not None]
        self._answer(found.batch_no, at, told)

    def _book(self, found: PaymentFile, order: Order, at: str) -> Result | None:
        """Decide one line and return what the file will say of it; None: the file will not mention it."""
        account = self.accounts.get(order.account)
        reason = _refusal(account, order)
        if reason or account is None:
            result = Result(order, "failed", reason or "account")
        else:
            result = Result(order, "paid", "paid", at, self._next_serial(at))
            account.balance += order.fen
        self.bookings[order.e2e_id] = Booking(found.batch_no, result)
        plants = account.plants if account else set()
        if "silent" in plants:
            return None
        return Result(order, "pending", "timeout") if "timeout" in plants else result

    def _late(self, row: Mapping[str, Any]) -> None:
        batches: dict[str, list[Result]] = {}
        for booking in self.bookings.values():
            account = self.accounts.get(booking.result.order.account)
            late = account is not None and "late_return" in account.plants
            if account is None or not late or booking.result.outcome != "paid" or booking.returned:
                continue
            serial = self._next_serial(row["at"])
            back = replace(booking.result, outcome="returned", reason="returned", paid_at=row["at"], serial=serial)
            booking.returned = back
            account.balance -= back.order.fen
            batches.setdefault(booking.batch_no, []).append(back)
        for batch_no, results in batches.items():
            self._answer(batch_no, row["at"], results)

    def _answer(self, batch_no: str, at: str, results: list[Result]) -> None:
        number = self._numbers[batch_no] = self._numbers.get(batch_no, 0) + 1
        name = f"RET_{self.bank}_{batch_no}_{number}.txt"
        self.out.append((name, write_return(self.bank, batch_no, number, at[:8], results)))

    def _next_serial(self, at: str) -> str:
        self._serial += 1
        return f"B{self.bank}{at[:8]}{self._serial:08d}"


def _refusal(account: Account | None, order: Order) -> str:
    if account is None:
        return "account"
    if account.state == AccountState.CLOSED.value:
        return "closed"
    if account.state not in RECEIVES:
        return "frozen"
    return "name" if account.on_file != order.name else ""


def account_number(bank: str, serial: int) -> str:
    """19 digits: 62, bank code, serial, Luhn digit."""
    body = f"62{bank}{serial:013d}"
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)
