"""The medical accounts of DF04 for `onecard card purse --ask-pin`: shown, never changed (card §2.1, B; declared form).

They are not purses: no terminal of ours pays from them, since how a medical transaction is made is not public.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from card.channel import CardChannel
from card.errors import CardDataError, ForeignCardError, UnexpectedSwError
from card.files import codecs
from card.medical import PERSONAL, POOLED_INPATIENT, POOLED_OUTPATIENT, MedicalAccount, MedicalSession
from card.session import SscSession
from terminal.card_chip import find_ssc
from terminal.card_desk import print_table
from terminal.card_pin import PinSource, show_tries

NAMES = {
    PERSONAL: ("个人账户", "personal account"),
    POOLED_INPATIENT: ("住院统筹", "pooled, inpatient"),
    POOLED_OUTPATIENT: ("门诊统筹", "pooled, outpatient"),
}
ENTRIES = 10
FEN = 100


@dataclass(frozen=True, slots=True)
class Medical:
    """The three accounts and the newest transactions, as text by field."""

    accounts: tuple[MedicalAccount, ...]
    details: tuple[dict[str, str], ...]

    def row(self) -> dict[str, object]:
        """The stable keys of `--json`; fen, null where an account was never personalised."""
        accounts = [
            {
                "account": item.account,
                "zh": NAMES[item.account][0],
                "en": NAMES[item.account][1],
                "amount_fen": None if item.amount is None else int(item.amount),
                "year": item.year,
            }
            for item in self.accounts
        ]
        return {"accounts": accounts, "transactions": list(self.details)}


def read_medical(channel: CardChannel, source: PinSource, *, quiet: bool, last_try: bool) -> Medical | None:
    """Asks for the PIN, after the tries were shown; None, and nothing asked, where the card has no DF04.

    PinError and PinBlockedError as VERIFY says them; PinInitialError while the PIN is the initial one.
    """
    try:
        profile = find_ssc(channel).profile
        MedicalSession(channel, profile).select()
    except ForeignCardError:
        return None
    holder = SscSession(channel, profile)
    holder.select()
    show_tries(holder, quiet=quiet, last_try=last_try)
    session = MedicalSession(channel, profile)
    session.select_dir("SSSE")
    session.verify_pin(source.ask("密码 PIN: "))
    session.select()
    accounts = session.accounts()
    try:
        entries = session.details(ENTRIES)
    except (CardDataError, UnexpectedSwError):
        entries = []
    return Medical(accounts, tuple({name: codecs.show(value) for name, value in item.items()} for item in entries))


def print_medical(found: Medical | None) -> None:
    """A table of the accounts, then the transactions; one sentence where the card has none."""
    if found is None:
        print("\n这张卡没有医疗应用。 This card has no medical application.")
        return
    print("\n医疗账户，只读 medical accounts, read only")
    print_table([_cells(item) for item in found.accounts], ("账户 account", "金额 amount", "年度 year"))
    print_table([(" ".join(f"{name}={value}" for name, value in item.items()),) for item in found.details] or _NONE)
    sys.stdout.flush()


_NONE: Sequence[tuple[str, ...]] = [("没有交易记录 no transactions",)]


def _cells(item: MedicalAccount) -> tuple[str, str, str]:
    zh, en = NAMES[item.account]
    if item.amount is None:
        return f"{zh} {en}", "未写入 not personalised", "-"
    fen = int(item.amount)
    return f"{zh} {en}", f"{fen // FEN}.{fen % FEN:02d} 元 yuan", item.year or "-"
