"""Numbers that are given once: card numbers, chip serials, purse serials, electronic card serials, order numbers."""

from dataclasses import dataclass
from enum import Enum

from card.domain.identity import ALPHANUMERIC, CardNumber, PurseNumber, RegionCode, card_number_check
from issuance.database import Session
from issuance.errors import NumbersExhaustedError, UnknownSubjectError
from issuance.reference import TransitCodes
from issuance.repository import Numbers, count_up, put
from issuance.rows import CardNumberRow

_BODY = 8
_MAX_CHIP_SERIAL = 0xFFFFFF
_MAX_RUNNING_10 = 10**10 - 1
_MAX_RUNNING_12 = 10**12 - 1


class NumberState(Enum):
    """Card-number pool states (business-rules §4.4, B)."""

    FREE = "00"
    RESERVED = "01"
    USED = "02"
    LOCKED = "03"


@dataclass(frozen=True, slots=True)
class PurseSerial:
    """File 0015, 20 digits: head 5, city 4, running number 10, Luhn digit; its last 16 digits are the ASN."""

    digits: str

    @property
    def asn(self) -> PurseNumber:
        return PurseNumber(bytes.fromhex(self.digits[4:]))


def luhn_digit(body: str) -> str:
    """Check digit of ISO/IEC 7812 over decimal digits."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card_number(prefix: str, running: int) -> CardNumber:
    """The `running`-th number of a prefix: base 36, eight characters, then the check character."""
    body = ""
    rest = running
    for _ in range(_BODY - len(prefix)):
        rest, digit = divmod(rest, len(ALPHANUMERIC))
        body = ALPHANUMERIC[digit] + body
    if rest or running < 1:
        raise NumbersExhaustedError(f"card numbers of prefix {prefix}")
    return CardNumber(prefix + body + card_number_check(prefix + body))


def reserve_card_number(session: Session, order_id: str, prefix: str) -> CardNumber:
    """A free number of the pool, or the next of the range, bound to the order."""
    row = Numbers(session).first_in(NumberState.FREE.value)
    if row is None:
        number = card_number(prefix, count_up(session, f"card-number/{prefix}"))
        put(session, CardNumberRow(card_no=number.text, state=NumberState.RESERVED.value, order_id=order_id))
        return number
    row.state = NumberState.RESERVED.value
    row.order_id = order_id
    return CardNumber(row.card_no)


def release_card_number(session: Session, card_no: str) -> None:
    """Back to the pool: allowed only before the number met a chip."""
    _move(session, card_no, NumberState.RESERVED, NumberState.FREE)


def use_card_number(session: Session, card_no: str) -> None:
    """The number is on a good card."""
    _move(session, card_no, NumberState.RESERVED, NumberState.USED)


def lock_card_number(session: Session, card_no: str) -> None:
    """The number went to waste with its chip: never given again."""
    _move(session, card_no, NumberState.RESERVED, NumberState.LOCKED)


def _move(session: Session, card_no: str, before: NumberState, after: NumberState) -> None:
    row = Numbers(session).get(card_no)
    if row is None or row.state != before.value:
        raise UnknownSubjectError(f"card number is not {before.name.lower()}")
    row.state = after.value
    if after is NumberState.FREE:
        row.order_id = ""


def next_chip_serial(session: Session, region: RegionCode) -> int:
    """Three-byte serial of a chip within its region, from 1."""
    serial = count_up(session, f"chip/{region.text}")
    if serial > _MAX_CHIP_SERIAL:
        raise NumbersExhaustedError(f"chip serials of {region.text}")
    return serial


def next_purse_serial(session: Session, region: RegionCode, codes: TransitCodes) -> PurseSerial:
    """The next purse of a city."""
    head = codes.serial_head + codes.city_of(region)
    running = count_up(session, f"purse/{head}")
    if running > _MAX_RUNNING_10:
        raise NumbersExhaustedError("purse serials")
    body = f"{head}{running:010d}"
    return PurseSerial(body + luhn_digit(body))


def next_ecard_serial(session: Session, region: RegionCode) -> str:
    """19 digits: region 6, running number 12, Luhn digit (composition declared by this project)."""
    running = count_up(session, f"ecard/{region.text}")
    if running > _MAX_RUNNING_12:
        raise NumbersExhaustedError("electronic card serials")
    body = f"{region.text}{running:012d}"
    return body + luhn_digit(body)


def next_order_id(session: Session, day: str) -> str:
    """`day` YYYYMMDD, then a running number: unlike two random digits it cannot meet itself."""
    return f"{day}{count_up(session, f'order/{day}'):07d}"


def next_person_id(session: Session, region: RegionCode) -> str:
    """AAC001: province digits and a running number; says nothing about the person."""
    return f"{region.text[:2]}{count_up(session, 'person'):012d}"
