"""Authentication, PIN, keys, blocks and life cycle in the executable specification (docs/card-commands.md, 7)."""

from tests.model.arithmetic import padded
from tests.model.card import EXTERNAL, INTERNAL, LOWEST, MASTER, PIN_TYPE, PUK, STK, Card
from tests.model.state import (
    BLANK,
    BLOCKED,
    FIRST_PIN,
    FOR_A_TIME,
    FOR_GOOD,
    INITIALISED,
    PERSONALISED,
    PIN,
    TERMINATED,
    TRANSPORT,
    Apdu,
    Draw,
    HolderPin,
    Key,
    Refused,
    need,
)

MOST_VERSIONS = 4


def get_challenge(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    need(apdu.le in (4, 8, 16), 0x6700)
    card.now.challenge = draw(apdu.le or 0)
    return card.now.challenge


# --- authentication -----------------------------------------------------------------------------------------------
def asked_version(data: bytes) -> int:
    return data[16] if len(data) == 17 else LOWEST


def external_authentication(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    if len(apdu.data) == 8:
        return prove_master(card, apdu)
    line = next((k for f in card.book.line(card.now.here) if (k := card.book.key(f, EXTERNAL, apdu.p2))), None)
    if line is None:
        raise Refused(0x6A88)
    key = card.need_key(line.home, EXTERNAL, apdu.p2, asked_version(apdu.data))
    counter, right = (line.home, EXTERNAL, apdu.p2), f"key:{line.name}"
    card.may_try(counter, key)
    answer = card.suite(line.home).answer(key.value, card.take_challenge(8), apdu.data[8:16])
    card.revoke(line.home, right)
    card.tried(counter, key, answer == apdu.data[:8])
    card.grant(line.home, right)
    return b""


def prove_master(card: Card, apdu: Apdu) -> bytes:
    here = card.now.here
    key = card.need_key(here, MASTER, apdu.p2)
    counter = (here, MASTER, apdu.p2)
    card.may_try(counter, key)
    answer = card.suite(here).master_proof(key.value, card.take_challenge(8))
    right = master_right(card)
    card.revoke(here, right)
    card.tried(counter, key, answer == apdu.data)
    if card.kept.life == PERSONALISED:
        card.grant(here, right)
    else:
        card.now.master = True
    return b""


def master_right(card: Card) -> str:
    line = card.book.key(card.now.here, MASTER, 0)
    return f"key:{line.name}" if line else "key:"


def internal_authentication(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    for folder in card.book.line(card.now.here):
        found = card.key(folder, INTERNAL, apdu.p2, asked_version(apdu.data))
        if found:
            return card.suite(folder).answer(found[0].value, apdu.data[:8], apdu.data[8:16])
    raise Refused(0x6A88)


# --- the holder's PIN ---------------------------------------------------------------------------------------------
def the_pin(card: Card) -> tuple[str, HolderPin]:
    """(its directory, the PIN)."""
    rules, pin = card.book.pin, card.kept.pin
    if rules is None or pin is None or rules["dir"] not in card.book.line(card.now.here):
        raise Refused(0x6A88)
    return rules["dir"], pin


def pin_facts(card: Card) -> tuple[int, int, bool]:
    """(full tries, bytes, must the first be changed)."""
    rules = card.book.pin
    assert rules
    return rules["max_tries"], rules["length"] // 2, rules["must_change_initial"]


def kept_form(digits: bytes) -> bytes:
    return digits.ljust(16, b"\xff")


def is_new_pin(digits: bytes, length: int) -> bool:
    return len(digits) == length and digits.hex().isdecimal()


def guessed(card: Card, home: str, pin: HolderPin, digits: bytes) -> None:
    if kept_form(digits) == pin.value:
        pin.tries = pin_facts(card)[0]
        return
    pin.tries -= 1
    card.revoke(home, PIN, FIRST_PIN)
    raise Refused(0x63C0 | pin.tries)


def verify(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    home, pin = the_pin(card)
    if not apdu.data:
        raise Refused(0x63C0 | pin.tries if pin.tries else 0x6983)
    need(pin.tries, 0x6983)
    guessed(card, home, pin, apdu.data)
    card.grant(home, FIRST_PIN if pin.is_first and pin_facts(card)[2] else PIN)
    return b""


def change_pin(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    home, pin = the_pin(card)
    need(pin.tries, 0x6983)
    old, separator, new = apdu.data.partition(b"\xff")
    need(separator and 2 <= len(old) <= 6, 0x6A80)
    need(is_new_pin(new, pin_facts(card)[1]) and kept_form(new) != pin.first, 0x6A80)
    guessed(card, home, pin, old)
    pin.value, pin.is_first = kept_form(new), False
    card.revoke(home, FIRST_PIN)
    return b""


def with_puk(card: Card, apdu: Apdu) -> tuple[str, HolderPin, Key]:
    """Steps 9 and 11 of UNBLOCK and RELOAD."""
    home, pin = the_pin(card)
    puk, counter = card.need_key(home, PUK, 0), (home, PUK, 0)
    card.may_try(counter, puk)
    right = card.mac(home, puk, apdu.head + apdu.data[:-4])
    card.tried(counter, puk, right == apdu.data[-4:])
    return home, pin, puk


def unblock_pin(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    _, pin, _ = with_puk(card, apdu)
    pin.tries = pin_facts(card)[0]
    return b""


def reload_pin(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    home, pin, puk = with_puk(card, apdu)
    suite, (top, length, _) = card.suite(home), pin_facts(card)
    plain = suite.decrypt(puk.value, apdu.data[:-4])
    new = plain[1 : 1 + length]
    need(plain == padded(bytes((length,)) + new, suite.block) and is_new_pin(new, length), 0x6A80)
    pin.value, pin.tries, pin.is_first = kept_form(new), top, kept_form(new) == pin.first
    card.revoke(home, PIN, FIRST_PIN)
    return b""


# --- keys ---------------------------------------------------------------------------------------------------------
def write_key(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    here = card.now.here
    master = card.need_key(here, MASTER, 0)
    if card.kept.life == PERSONALISED:
        need(master_right(card) in card.now.rights.get(here, ()), 0x6985)
    need(card.mac(here, master, apdu.head + apdu.data[:32]) == apdu.data[32:], 0x6988)
    plain = card.suite(here).decrypt(master.value, apdu.data[:32])
    need(plain == (bytes((24,)) + plain[1:25] + b"\x80").ljust(32, b"\0"), 0x6A80)
    kind, kid, version, _, tries, algorithm, _, length = plain[1:9]
    need(algorithm == 0 and length <= 16 and version != TRANSPORT, 0x6A80)
    need((apdu.p1 == 1) == (kind == MASTER), 0x6A86)
    need((here, MASTER, 0, TRANSPORT) not in card.kept.keys or kind == MASTER, 0x6985)
    if kind == PIN_TYPE:
        write_pin(card, plain[9:25], tries)
    else:
        store_key(card, (here, kind, kid), version, Key(plain[9:25], tries))
    return b""


def write_pin(card: Card, value: bytes, tries: int) -> None:
    need(card.book.pin and card.book.pin["dir"] == card.now.here, 0x6A80)
    card.kept.pin = HolderPin(value, value, True, tries)


def store_key(card: Card, place: tuple[str, int, int], version: int, key: Key) -> None:
    need(card.book.key(*place), 0x6A80)
    versions = {name[3] for name in card.kept.keys if name[:3] == place}
    if place[1] == MASTER:
        for old in versions:
            del card.kept.keys[*place, old]
    else:
        need(len(versions | {version}) <= MOST_VERSIONS, 0x6A84)
    card.kept.keys[*place, version] = key
    card.kept.tries[place] = key.top


# --- blocks and life cycle ----------------------------------------------------------------------------------------
def maintained(card: Card, apdu: Apdu) -> None:
    here = card.now.here
    found = card.key(here, STK, 0) or card.key(here, MASTER, 0)
    assert found
    need(card.mac(here, found[0], apdu.head) == apdu.data, 0x6988)


def block_application(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    maintained(card, apdu)
    card.kept.blocks[card.now.here] = FOR_GOOD if apdu.p2 else FOR_A_TIME
    return b""


def unblock_application(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    block = card.kept.blocks.get(card.now.here)
    need(block, 0x6985)
    need(block != FOR_GOOD, 0x9303)
    maintained(card, apdu)
    del card.kept.blocks[card.now.here]
    return b""


def block_card(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    need(card.now.here == "MF", 0x6985)
    maintained(card, apdu)
    card.kept.life = BLOCKED
    return b""


def terminate(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    need(card.now.here == "MF", 0x6985)
    maintained(card, apdu)
    card.kept.life = TERMINATED
    return b""


def initialise(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    need(card.now.here == "MF" and card.now.master, 0x6982)
    need(card.kept.life == BLANK or card.kept.tail == apdu.data, 0x6985)
    card.kept.tail, card.kept.life = apdu.data, INITIALISED
    return b""


def end_personalisation(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    left = any((folder, MASTER, 0, TRANSPORT) in card.kept.keys for folder in card.book.folders)
    need(card.now.here == "MF" and not left, 0x6985)
    need(card.mac("MF", card.need_key("MF", MASTER, 0), apdu.head) == apdu.data, 0x6988)
    card.kept.life, card.now.master = PERSONALISED, False
    return b""


def prove_key_version(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    """With 8 bytes of the reader's own, those and the claim are signed; without, the card's last challenge."""
    here = card.now.here
    found = card.key(here, MASTER, 0)
    if found is None:
        raise Refused(0x6A88)
    claim = bytes((card.book.life[card.kept.life],)) + card.kept.batch + bytes((found[1],))
    if apdu.data:
        return claim + card.suite(here).sm_mac(found[0].value, apdu.data + claim, b"")
    card.exact(apdu, 10)
    return claim + card.suite(here).sm_mac(found[0].value, card.take_challenge(0), b"")
