"""DF04, social insurance 2 (medical): accounts and transaction details, read only, in the declared form (card §2.1, B).

How a medical transaction is made is not public; nothing here makes one.
"""

from dataclasses import dataclass

from card import commands
from card.domain.money import Fen
from card.errors import CardDataError
from card.files.codecs import Value
from card.holder import PinSession
from card.status import check_pin, send

DIRECTORY, DETAILS = "DF04", "EF08"
PERSONAL, POOLED_INPATIENT, POOLED_OUTPATIENT = 1, 2, 3
AMOUNT = 4
BLANK = b"\xff" * AMOUNT


@dataclass(frozen=True, slots=True)
class MedicalAccount:
    """One account on the card: fen, None when it was never personalised; `year` of a pooled amount, "" without one."""

    account: int
    amount: Fen | None
    year: str


class MedicalSession(PinSession):
    """`select` first; the accounts ask for the PIN."""

    def select(self) -> bytes:
        """Enter DF04. ForeignCardError when the card has none."""
        return self.select_dir(DIRECTORY)

    def account(self, number: int) -> MedicalAccount:
        """GET BALANCE of account 1 (personal), 2 or 3 (pooled). PinInitialError, AccessDeniedError."""
        command = commands.get_balance_ssc(number)
        answer = send(self.channel, command)
        check_pin(answer.sw, f"read medical account {number}")
        if len(answer.data) != command.le:
            raise CardDataError(f"account {number}", f"{len(answer.data)} bytes, {command.le} expected")
        amount, year = answer.data[:AMOUNT], answer.data[AMOUNT:].hex().strip("f")
        return MedicalAccount(number, None if amount == BLANK else Fen(int.from_bytes(amount, "big")), year)

    def accounts(self) -> tuple[MedicalAccount, ...]:
        """All three."""
        return tuple(self.account(number) for number in (PERSONAL, POOLED_INPATIENT, POOLED_OUTPATIENT))

    def details(self, limit: int | None = None) -> list[dict[str, Value]]:
        """Transaction details EF08, newest first; PIN or read key before."""
        return self.read_log(DIRECTORY, DETAILS, limit)
