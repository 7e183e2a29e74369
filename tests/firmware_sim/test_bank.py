"""The simulated banks: accounts, files booked once, planted troubles, a state file that replays to the same bank."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock
from card.domain.lifecycle import AccountState
from firmware_sim.bank import SimBank
from firmware_sim.bank_book import account_number
from firmware_sim.bank_files import HOUSES, PaymentFileError
from issuance.bank import AccountRequest
from issuance.errors import BankRefusedError
from server.benefit.dialects.grammar import Status, dialects
from server.benefit.dialects.writer import write_file
from server.benefit.e2e import make_e2e_id
from server.benefit.errors import BankLinkError

BATCH = "PB202603020001"


def clock() -> SteppedClock:
    return SteppedClock(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))


def request(number: int, name: str = "王伟") -> AccountRequest:
    return AccountRequest(f"o{number}", "01", f"id{number}", name, "长期", "1", "19500101", "CHN", "1", "海口")


def payment(bank: str, accounts: list[tuple[str, str]], fen: int = 1234) -> bytes:
    dialect = dialects()[bank]
    lines = [
        {
            "line": number,
            "e2e_id": make_e2e_id(BATCH, number),
            "person_no": "P1",
            "id_type": "01",
            "id_no": "1",
            "name": name,
            "card_no": "A1",
            "bank_code": bank,
            "cnaps": "",
            "acct_no": account,
            "amount": fen,
            "item_code": "ITEM1",
            "summary": "补贴",
            "reserve": "",
        }
        for number, (account, name) in enumerate(accounts, 1)
    ]
    totals = {"count": len(lines), "total": fen * len(lines)}
    header = {
        "batch_no": BATCH,
        "pay_org": "ORG",
        "item_code": "ITEM1",
        "period": "202603",
        "debit_acct": "D1",
        "debit_name": "财政",
        "value_date": "20260303",
        "file_no": 1,
        "file_cnt": 1,
        "doc_no": "1号",
    }
    return write_file(dialect, dialect.payment, header | totals, lines, totals)


def luhn(number: str) -> int:
    digits = [int(ch) for ch in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10


def test_account_numbers_carry_a_luhn_digit() -> None:
    numbers = [account_number("102", serial) for serial in range(1, 200)]
    assert len(set(numbers)) == 199
    assert all(len(number) == 19 and luhn(number) == 0 for number in numbers)


def test_opening_twice_with_one_reference_opens_once() -> None:
    bank = SimBank("102", clock())
    account = bank.pre_open(request(1))
    assert bank.pre_open(request(1)) == account != bank.pre_open(request(2))
    assert bank.state_of(account) is AccountState.PRE_OPENED
    assert bank.set_state(account, AccountState.ACTIVE) is AccountState.ACTIVE
    bank.plant("id3", "refuse_open")
    with pytest.raises(BankRefusedError):
        bank.pre_open(request(3))
    with pytest.raises(BankRefusedError):
        bank.state_of("0")


@pytest.mark.parametrize("bank", sorted(HOUSES))
def test_a_file_is_booked_once_whatever_the_dialect(bank: str) -> None:
    sim = SimBank(bank, clock())
    accounts = [sim.pre_open(request(number, "买买提·艾力")) for number in range(3)]
    sim.plant(accounts[1], "timeout")
    raw = payment(bank, [(account, "买买提·艾力") for account in accounts[:2]] + [(accounts[2], "别名")])
    for _ in range(2):
        sim.deliver("PAY", raw)
    assert [sim.balance(account) for account in accounts] == [1234, 1234, 0]
    assert len(sim.collect()) == 1
    said = [sim.query(make_e2e_id(BATCH, number)).status for number in (1, 2, 3, 4)]
    assert said == [Status.PAID, Status.PAID, Status.FAILED, Status.PENDING]
    with pytest.raises(BankLinkError):
        sim.deliver("PAY", raw + b" ")
    with pytest.raises(PaymentFileError):
        sim.deliver("OTHER", raw[:-40])
    assert sum(line.fen for line in sim.statement("20260302")) == 2468


def test_money_for_a_purse_is_taken_once_and_never_below_zero() -> None:
    bank = SimBank("102", clock())
    account = bank.pre_open(request(1))
    bank.move(account, 500, "salary")
    bank.move(account, -300, "load-1")
    bank.move(account, -300, "load-1")
    assert bank.balance(account) == 200
    with pytest.raises(BankRefusedError):
        bank.move(account, -300, "load-2")


def test_the_state_file_replays_to_the_same_bank(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    sim = SimBank("403", clock(), path)
    accounts = [sim.pre_open(request(number)) for number in range(4)]
    sim.plant(accounts[0], "late_return")
    sim.plant(accounts[1], "closed")
    sim.plant(accounts[2], "name_mismatch")
    sim.deliver("PAY", payment("403", [(account, "王伟") for account in accounts]))
    sim.release_late()
    sim.mend(accounts[1])
    sim.move(accounts[3], -34, "load")
    again = SimBank("403", clock(), path)
    assert [again.balance(account) for account in accounts] == [sim.balance(account) for account in accounts]
    assert again.collect() == sim.collect() and len(again.collect()) == 2
    assert again.state_of(accounts[1]) is AccountState.ACTIVE
    assert again.statement("20260302") == sim.statement("20260302")


def test_a_broken_link_answers_nothing() -> None:
    sim = SimBank("102", clock())
    sim.down = True
    for call in (lambda: sim.collect(), lambda: sim.query("x"), lambda: sim.statement("20260302")):
        with pytest.raises(BankLinkError):
            call()
    with pytest.raises(ValueError, match="plant"):
        sim.plant("1", "earthquake")
