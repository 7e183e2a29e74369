"""A small executable specification of the card, written from docs/card-commands.md and the standards' pages.

It has the page's shape: the table of commands (5), the order of checks (2), the transport (3); what a command does is
in `files`, `security`, `purse`, `applications` and `certificate`. It knows nothing of the twin's code and makes its
cryptograms on other libraries. Random bytes come from the card under test: `draw(n)` gives what that drew.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.model import applications, certificate, files, purse, security
from tests.model.book import Book
from tests.model.card import Card
from tests.model.state import (
    BLANK,
    BLOCKED,
    CONTACTLESS,
    FOR_GOOD,
    INITIALISED,
    PERSONALISED,
    T0,
    T1,
    TERMINATED,
    Apdu,
    Draw,
    Refused,
    Volatile,
    need,
)

Rule = Callable[[Card, Apdu, Draw], bytes]
Head = Callable[[Card, int, int], bool]
CLASSES = {0x00, 0x04, 0x80, 0x84, 0xB0}
STATES = {"B": BLANK, "I": INITIALISED, "P": PERSONALISED}
PASS_A_BLOCK = {(0x00, 0xA4), (0x00, 0x84), (0x84, 0x18)}
ANY = range(1, 65_536)


@dataclass(frozen=True)
class Form:
    """One form of a command: which P1 P2, which lengths of data, what it does, the word by which it is refused."""

    head: Head
    lengths: tuple[int, ...] | range
    rule: Rule
    word: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table: in which states, with which forms."""

    states: str
    forms: tuple[Form, ...]


class SpecCard(Card):
    """The card with its wire."""

    atr = b""

    def __init__(self, book: Book, transport_key: bytes, batch: bytes) -> None:
        super().__init__(book, transport_key, batch)
        for folder, facts in book.certificates.items():
            pins = certificate.first_pins(facts)
            self.kept.secrets |= {(folder, who): pin for who, pin in pins.items()}

    def reset(self, protocol: str = T0) -> bytes:
        """Power-off, reset, DESELECT: all that is volatile is gone; the ATR shows what was initialised before."""
        self.now = Volatile(protocol)
        places = {"region": self.kept.tail[:3].hex(), "serial": self.kept.tail[3:].hex()}
        self.atr = bytes.fromhex(self.book.atr.format(**places))
        if protocol == CONTACTLESS:
            self.atr = of_ats(bytes.fromhex(self.book.contactless["ats"].format(**places)))
        return self.atr

    def deselect(self) -> bytes:
        """Over contactless as a reset; over contacts there is none."""
        return self.reset(CONTACTLESS) if self.now.protocol == CONTACTLESS else self.atr

    def process(self, raw: bytes, draw: Draw) -> bytes:
        """One command; data || SW."""
        try:
            apdu = parsed(raw)
            need(not apdu.extended or self.extended_allowed, 0x6700)
            if apdu.ins == 0xC0:
                return self.get_response(apdu)
            self.now.waiting = b""
            answer = self.answered(apdu, draw)
        except Refused as no:
            return no.sw.to_bytes(2, "big")
        if answer and apdu.data and self.now.protocol == T0:
            self.now.waiting = answer
            return bytes((0x61, len(answer) & 0xFF))
        return answer + b"\x90\x00"

    @property
    def extended_allowed(self) -> bool:
        return T1 in self.book.protocols and self.now.protocol != T0

    def get_response(self, apdu: Apdu) -> bytes:
        need(not apdu.data, 0x6700)
        need(apdu.p1 == apdu.p2 == 0, 0x6A86)
        have, wanted = len(self.now.waiting), apdu.le or 256
        need(have, 0x6985)
        need(wanted <= have, 0x6C00 | have & 0xFF)
        part, self.now.waiting = self.now.waiting[:wanted], self.now.waiting[wanted:]
        return part + (bytes((0x61, have - wanted)) if have > wanted else b"\x90\x00")

    def answered(self, apdu: Apdu, draw: Draw) -> bytes:
        """Steps 2 to 8, then the rule."""
        need(apdu.cla in CLASSES, 0x6E00)
        row = TABLE.get((apdu.cla, apdu.ins))
        if row is None:
            raise Refused(0x6D00)
        life = self.kept.life
        need(life != BLOCKED, 0x6A81)
        need(life != TERMINATED, 0x6901)
        need(life in {STATES[letter] for letter in row.states}, 0x6985)
        block = self.kept.blocks.get(self.now.here)
        if block and (apdu.cla, apdu.ins) not in PASS_A_BLOCK:
            raise Refused(0x9303 if block == FOR_GOOD else 0x6985)
        refused = self.book.refused[self.now.here] if self.now.protocol == CONTACTLESS else ()
        length = len(apdu.data)
        fitting = [form for form in row.forms if form.head(self, apdu.p1, apdu.p2)]
        same_length = [form for form in row.forms if length in form.lengths]
        need(word_of(row, apdu) not in refused, 0x6985)
        need(same_length and not (apdu.extended and apdu.cla & 4), 0x6700)
        need(fitting, 0x6A86)
        found = next((form for form in fitting if length in form.lengths), None)
        if found is None:
            raise Refused(0x6700)
        return found.rule(self, apdu, draw)


def word_of(row: Row, apdu: Apdu) -> str:
    """Step 6: the row's word. Where it has several, P1 tells them apart, and the length in WRITE KEY and RELOAD PIN."""
    if apdu.ins == 0xD4:
        return "write_key" if len(apdu.data) == 36 else "reload_pin"
    if apdu.ins == 0x50:
        return {0: "load", 1: "debit", 3: "debit", 5: "unload"}.get(apdu.p1, "")
    if (apdu.cla, apdu.ins) == (0x80, 0x54):
        return "unload" if apdu.p1 == 3 else "debit"
    return max(form.word for form in row.forms)


def of_ats(ats: bytes) -> bytes:
    """PC/SC part 3: the answer to reset a contactless card is given, from the historical bytes of its ATS."""
    head = 2 + sum(bool(ats[1] & bit) for bit in (0x10, 0x20, 0x40)) if ats[0] > 1 else ats[0]
    historical = ats[head : ats[0]]
    body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))


def parsed(raw: bytes) -> Apdu:
    """ISO/IEC 7816-3 §12.1: cases 1 to 4, short and extended."""
    need(len(raw) >= 4, 0x6700)
    head, body = raw[:4], raw[4:]
    if len(body) <= 1:
        return Apdu(*head, b"", (body[0] or 256) if body else None)
    if body[0] == 0:
        need(len(body) >= 3, 0x6700)
        if len(body) == 3:
            return Apdu(*head, b"", int.from_bytes(body[1:], "big") or 65_536, extended=True)
        length, rest = int.from_bytes(body[1:3], "big"), body[3:]
        need(length and len(rest) in (length, length + 2), 0x6700)
        le = (int.from_bytes(rest[length:], "big") or 65_536) if len(rest) > length else None
        return Apdu(*head, rest[:length], le, extended=True)
    length = body[0]
    need(len(body) in (1 + length, 2 + length), 0x6700)
    return Apdu(*head, body[1 : 1 + length], (body[-1] or 256) if len(body) == 2 + length else None)


# --- the table of section 5 ---------------------------------------------------------------------------------------
def at(*heads: int) -> Head:
    """P1 P2 is one of these, written as one number."""
    return lambda card, p1, p2: p1 << 8 | p2 in heads


def first_is(p1_wanted: int) -> Head:
    return lambda card, p1, p2: p1 == p1_wanted


def record_place(card: Card, p1: int, p2: int) -> bool:
    return p2 & 3 == 0


def append_place(card: Card, p1: int, p2: int) -> bool:
    return p1 == 0 and p2 & 7 == files.APPEND


def append_by_ins(card: Card, p1: int, p2: int) -> bool:
    return p1 == 0 and p2 & 7 == 0


def binary_place(card: Card, p1: int, p2: int) -> bool:
    return p1 < 0x80 or p1 & 0xE0 == 0x80


def pin_place(card: Card, p1: int, p2: int) -> bool:
    return (p1, p2) == (0, card.book.pin["verify_p2"] if card.book.pin else 0)


def pairs(firsts: Iterable[int], seconds: tuple[int, ...]) -> Head:
    return at(*(p1 << 8 | p2 for p1 in firsts for p2 in seconds))


def one(states: str, head: Head, lengths: tuple[int, ...] | range, rule: Rule, word: str = "") -> Row:
    return Row(states, (Form(head, lengths, rule, word),))


RELOAD_LENGTHS = (12, 20)
UPDATES = (
    Form(record_place, ANY, files.update_record, "update"),
    Form(append_place, ANY, files.update_record, "update"),
)
INITS = tuple(
    Form(pairs((p1,), (1, 2)), (11,), purse.initialise_transaction, word)
    for p1, word in ((0, "load"), (1, "debit"), (3, "debit"), (5, "unload"))
)
TABLE: dict[tuple[int, int], Row] = {
    (0x00, 0xA4): Row(
        "BIP",
        (
            Form(at(0x0000), (0, 2), files.select),
            Form(at(0x0200), (2,), files.select),
            Form(at(0x0400), range(1, 17), files.select),
        ),
    ),
    (0x00, 0xB0): one("BIP", binary_place, (0,), files.read_binary),
    (0x00, 0xD6): one("IP", binary_place, ANY, files.update_binary, "update"),
    (0x04, 0xD6): one("P", binary_place, ANY, files.update_binary, "update"),
    (0x00, 0xB2): one("BIP", record_place, (0,), files.read_record),
    (0x00, 0xDC): Row("IP", UPDATES),
    (0x04, 0xDC): Row("P", UPDATES),
    (0x00, 0xE2): one("IP", append_by_ins, ANY, files.append_record, "update"),
    (0x04, 0xE2): one("P", append_by_ins, ANY, files.append_record, "update"),
    (0x00, 0x84): one("BIP", at(0x0000), (0,), security.get_challenge),
    (0x00, 0x82): one("BIP", first_is(0), (8, 16, 17), security.external_authentication, "external"),
    (0x00, 0x88): one("BIP", first_is(0), (16, 17), security.internal_authentication, "internal"),
    (0x00, 0x20): Row(
        "BIP",
        (
            Form(pin_place, (0, 2, 3, 4, 5, 6), security.verify, "verify"),
            Form(at(0x0181, 0x0100), (0, 16), certificate.verify, "verify"),
        ),
    ),
    (0x80, 0x5E): one("BIP", at(0x0100), range(5, 14), security.change_pin, "change_pin"),
    (0x84, 0x5E): one("P", at(0x0100, 0x0000), (20,), certificate.change, "change_pin"),
    (0x84, 0x24): one("IP", at(0x0000, 0x0001), (4,), security.unblock_pin, "unblock_pin"),
    (0x84, 0xD4): Row(
        "IP",
        (
            Form(at(0x0000), RELOAD_LENGTHS, security.reload_pin, "reload_pin"),
            Form(at(0x0100, 0x0000), (36,), security.write_key, "write_key"),
        ),
    ),
    (0x84, 0x1E): one("P", at(0x0000, 0x0001), (4,), security.block_application, "maintenance"),
    (0x84, 0x18): one("P", at(0x0000), (4,), security.unblock_application, "maintenance"),
    (0x84, 0x16): one("P", at(0x0000), (4,), security.block_card, "maintenance"),
    (0x84, 0xFE): one("IP", at(0x0000), (4,), security.terminate, "maintenance"),
    (0x80, 0xF0): one("BI", at(0x0000), (6,), security.initialise, "maintenance"),
    (0x84, 0xF2): one("I", at(0x0000), (4,), security.end_personalisation, "maintenance"),
    (0x80, 0xF4): one("BIP", at(0x0000), (0, 8), security.prove_key_version),
    (0x80, 0x5C): one("BIP", pairs(range(6), (1, 2)), (0,), purse.get_balance),
    (0x80, 0x50): Row("P", INITS),
    (0x80, 0xDC): one("P", record_place, ANY, purse.update_cache, "debit"),
    (0x80, 0x52): one("P", at(0x0000), (11,), purse.credit_for_load, "load"),
    (0x80, 0x54): Row(
        "P", (Form(at(0x0100), (15,), purse.debit, "debit"), Form(at(0x0300), (11,), purse.debit, "unload"))
    ),
    (0x80, 0x5A): one("P", first_is(0), (2,), purse.get_proof),
    (0xB0, 0x26): one("P", at(1, 2, 3), (0,), applications.medical_balance),
    (0x80, 0xA8): one("P", at(0x0000), range(2, 65_536), applications.processing_options),
    (0x80, 0xCA): Row(
        "P", (Form(first_is(0x9F), (0,), applications.get_data), Form(at(0x0000), (32,), certificate.sign, "sign"))
    ),
    (0x80, 0x4E): one("IP", at(0x0000, 0x0001), (0,), certificate.generate, "sign"),
    (0x80, 0xCC): one("P", at(0x0000), (112,), certificate.open_key, "sign"),
}
