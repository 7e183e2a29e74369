"""`e2e_id`: a payment line named for ever (business-rules §5.4): batch ‖ line 8 digits ‖ check 2 digits."""

import re

# Batch numbers of ours: programme-independent, `PB` ‖ business day ‖ four digits.
BATCH_PATTERN = re.compile(r"PB[0-9]{12}")
PATTERN = re.compile(r"(PB[0-9]{12})([0-9]{8})([0-9]{2})")


def check_digits(body: str) -> str:
    """ISO 7064 MOD 97-10 over the body, letters as 10..35 (as an IBAN does)."""
    number = int("".join(str(int(ch, 36)) for ch in body) + "00")
    return f"{98 - number % 97:02d}"


def make_batch_no(day: str, number: int) -> str:
    """`day` YYYYMMDD, `number` 1..9999 of that day."""
    if not 1 <= number <= 9999:
        raise ValueError("batch number of a day is 1 to 9999")
    return f"PB{day}{number:04d}"


def make_e2e_id(batch_no: str, line_no: int) -> str:
    """Name of line `line_no` (from 1) of `batch_no`."""
    if not BATCH_PATTERN.fullmatch(batch_no) or not 1 <= line_no < 10**8:
        raise ValueError("not a batch number or line number")
    body = f"{batch_no}{line_no:08d}"
    return body + check_digits(body)


def is_e2e_id(text: str) -> bool:
    """Whether `text` has the form and its check digits hold."""
    match = PATTERN.fullmatch(text)
    return match is not None and check_digits(text[:-2]) == match[3]
