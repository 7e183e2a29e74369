"""The bank application beside the social security one: which one it is, and the card number (card §6, A).

Only what every terminal may read: no PIN, no cryptogram, nothing is booked.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from card import commands
from card.apdu import SW
from card.errors import CardDataError, ForeignCardError, TlvError
from card.interface import Interface, interface_of
from card.status import check, send
from card.tlv import Tlv, parse_ber
from card.wire import CardChannel

PSE = b"1PAY.SYS.DDF01"
PPSE = b"2PAY.SYS.DDF01"
AIDS = tuple(bytes.fromhex(f"A00000033301010{last}") for last in "1236")  # debit, credit, quasi-credit, e-cash
GPO = bytes.fromhex("80A80000")
TAG_AID, TAG_LABEL, TAG_DIRECTORY, TAG_PDOL = 0x4F, 0x50, 0x88, 0x9F38
TAG_FORMAT1, TAG_AFL, TAG_PAN, TAG_TRACK2, TAG_EXPIRY = 0x80, 0x94, 0x5A, 0x57, 0x5F24
# What a terminal answers to a PDOL when it only wants to read: everything zero, but for these.
PDOL_VALUES = {0x9F66: bytes.fromhex("26000000"), 0x5F2A: bytes.fromhex("0156"), 0x9F1A: bytes.fromhex("0156")}
MAX_RECORDS = 30
MAX_APPLICATIONS = 10
PAN_DIGITS = range(12, 20)


@dataclass(frozen=True, slots=True)
class Pan:
    """A bank card number. Prints its first six and last four digits; `.digits` is the whole."""

    digits: str

    @property
    def masked(self) -> str:
        return f"{self.digits[:6]}{'*' * (len(self.digits) - 10)}{self.digits[-4:]}"

    def __repr__(self) -> str:
        return f"Pan({self.masked})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class BankCard:
    """One bank application as it was read; `expiry` YYMMDD or "", `label` what it calls itself."""

    aid: bytes
    label: str
    pan: Pan
    expiry: str


def read_pan(channel: CardChannel) -> BankCard:
    """The first bank application the card offers. ForeignCardError when it has none, CardDataError when it lies."""
    for aid in applications(channel):
        answer = send(channel, commands.select_aid(aid))
        if answer.sw == SW.FILE_NOT_FOUND:
            continue
        check(answer.sw, "select the bank application")
        fci = _parsed(answer.data, "FCI")
        items = list(_records(channel, _options(channel, fci)))
        label = _find(fci, TAG_LABEL)
        expiry = _find(items, TAG_EXPIRY)
        name = label.value.decode("ascii", "replace") if label else ""
        return BankCard(aid, name, _pan(items), expiry.value.hex() if expiry else "")
    raise ForeignCardError("no bank application on this card")


def applications(channel: CardChannel) -> tuple[bytes, ...]:
    """AIDs in the card's own order: the contactless directory, else the contact one, else the known names."""
    if interface_of(channel.atr) is Interface.CONTACTLESS:
        answer = send(channel, commands.select_aid(PPSE))
        found = _aids(_parsed(answer.data, "PPSE")) if answer.ok else ()
    else:
        answer = send(channel, commands.select_aid(PSE))
        found = _directory(channel, _parsed(answer.data, "PSE")) if answer.ok else ()
    return found or AIDS


def _directory(channel: CardChannel, fci: list[Tlv]) -> tuple[bytes, ...]:
    sfi = _find(fci, TAG_DIRECTORY)
    if sfi is None or len(sfi.value) != 1 or not 0 < sfi.value[0] < 31:
        return ()
    found: tuple[bytes, ...] = ()
    for number in range(1, MAX_APPLICATIONS + 1):
        answer = send(channel, commands.read_record(number, sfi.value[0]))
        if not answer.ok:
            break
        found += _aids(_parsed(answer.data, "directory"))
    return found


def _options(channel: CardChannel, fci: list[Tlv]) -> list[Tlv]:
    """GET PROCESSING OPTIONS: template 80 (AIP ‖ AFL) or 77, as items."""
    pdol = _find(fci, TAG_PDOL)
    answer = send(channel, commands.get_processing_options(GPO, _pdol(pdol.value) if pdol else b""))
    check(answer.sw, "get processing options")
    items = _parsed(answer.data, "processing options")
    plain = _find(items, TAG_FORMAT1)
    return [Tlv(TAG_AFL, plain.value[2:])] if plain else items


def _pdol(asked: bytes) -> bytes:
    """A value for each tag and length the card asks for."""
    values, at = b"", 0
    while at < len(asked):
        size = 2 if asked[at] & 0x1F == 0x1F else 1
        if at + size >= len(asked):
            raise TlvError("PDOL is cut off")
        tag, length = int.from_bytes(asked[at : at + size], "big"), asked[at + size]
        values += PDOL_VALUES.get(tag, b"").ljust(length, b"\x00")[:length]
        at += size + 1
    return values


def _records(channel: CardChannel, options: list[Tlv]) -> Iterator[Tlv]:
    """What GPO answered, then every record the file locator names."""
    yield from options
    locator = _find(options, TAG_AFL)
    afl = locator.value if locator else b""
    if len(afl) % 4:
        raise CardDataError("AFL", "not four bytes an entry")
    read = 0
    for at in range(0, len(afl), 4):
        for number in range(afl[at + 1], afl[at + 2] + 1):
            read += 1
            if read > MAX_RECORDS:
                raise CardDataError("AFL", "names more records than a card has")
            answer = send(channel, commands.read_record(number, afl[at] >> 3))
            check(answer.sw, "read a bank record")
            yield from _parsed(answer.data, "bank record")


def _pan(items: list[Tlv]) -> Pan:
    pan, track = _find(items, TAG_PAN), _find(items, TAG_TRACK2)
    if pan is not None:
        digits = pan.value.hex().rstrip("f")
    elif track is not None:
        digits = track.value.hex().partition("d")[0]
    else:
        raise CardDataError("5A", "the application has no card number")
    if not digits.isdigit() or len(digits) not in PAN_DIGITS or not luhn(digits):
        raise CardDataError("5A", "not a card number")
    return Pan(digits)


def luhn(digits: str) -> bool:
    """Check digit of ISO/IEC 7812-1."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _aids(items: list[Tlv]) -> tuple[bytes, ...]:
    return tuple(
        item.value for top in items for item in top.walk() if item.tag == TAG_AID and 5 <= len(item.value) <= 16
    )


def _find(items: list[Tlv], tag: int) -> Tlv | None:
    return next((hit for item in items if (hit := item.find(tag)) is not None), None)


def _parsed(raw: bytes, what: str) -> list[Tlv]:
    try:
        return list(parse_ber(raw))
    except TlvError as bad:
        raise CardDataError(what, str(bad)) from bad
