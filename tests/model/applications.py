"""Medical balances and the bank application in the executable specification (docs/card-commands.md, 9)."""

from tests.model.card import Card
from tests.model.files import tlv
from tests.model.state import Apdu, Draw, Refused, need

MEDICAL = bytes.fromhex("EF81")
PARTS = {1: slice(0, 4), 2: slice(4, 10), 3: slice(10, 16)}


def medical_balance(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    content = card.kept.binaries.get((card.now.here, MEDICAL))
    if content is None:
        raise Refused(0x6985)
    card.allow("pin")
    answer = content[PARTS[apdu.p2]]
    card.exact(apdu, len(answer))
    return answer


def processing_options(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    bank = card.book.banks.get(card.now.here)
    if bank is None:
        raise Refused(0x6985)
    wanted = pdol_length(bytes.fromhex(bank.get("pdol", "")))
    need(apdu.data[:2] == bytes((0x83, wanted)) and len(apdu.data) == 2 + wanted, 0x6A80)
    card.kept.atc[card.now.here] += 1
    aip, afl = bytes.fromhex(bank["aip"]), bytes.fromhex(bank["afl"])
    if bank["answer"] == 0x80:
        return tlv("80", aip + afl)
    return tlv("77", tlv("82", aip) + tlv("94", afl))


def pdol_length(pdol: bytes) -> int:
    """Bytes a PDOL asks for: the sum of its lengths."""
    total, at = 0, 0
    while at < len(pdol):
        at += 2 if pdol[at] & 0x1F == 0x1F else 1
        total += pdol[at]
        at += 1
    return total


def get_data(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    need(card.now.here in card.book.banks, 0x6985)
    values = {0x36: card.kept.atc[card.now.here].to_bytes(2, "big"), 0x13: bytes(2), 0x17: b"\x03"}
    if apdu.p2 not in values:
        raise Refused(0x6A88)
    return tlv(f"9F{apdu.p2:02X}", values[apdu.p2])
