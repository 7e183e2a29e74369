"""The purse in the executable specification (docs/card-commands.md, 8; keys-and-purse §1.2 to §1.4)."""

from typing import Any

from tests.model.book import File
from tests.model.card import Card
from tests.model.files import named, written
from tests.model.state import PIN, Apdu, Deal, Draw, Purse, Refused, need

LOAD_KEY, PURCHASE_KEY, TAC_KEY, UNLOAD_KEY = 0x08, 0x09, 0x0A, 0x0C
KINDS = {0: "load", 1: "purchase", 3: "capp", 5: "unload"}
KEYS = {"load": LOAD_KEY, "purchase": PURCHASE_KEY, "capp": PURCHASE_KEY, "unload": UNLOAD_KEY}
LOG = bytes.fromhex("0018")
TOP = 0xFFFF


def purse_here(card: Card) -> tuple[dict[str, Any], Purse]:
    need(card.now.here in card.book.purses, 0x6985)
    return card.book.purses[card.now.here], card.kept.purses[card.now.here]


def four(number: int) -> bytes:
    return number.to_bytes(4, "big")


def two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def overdraft(facts: dict[str, Any]) -> int:
    return int(facts.get("overdraft_limit", 0))


def get_balance(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    facts, purse = purse_here(card)
    need(apdu.p2 == facts["balance_p2"], 0x6A86)
    limit, overdrawn = overdraft(facts), 0
    real, most = purse.balance, facts["max_balance"]
    numbers = ((real + limit - overdrawn,), (limit,), (overdrawn,), (real,), (most,), (real, most, overdrawn, limit))
    answer = b"".join(four(number) for number in numbers[apdu.p1])
    card.exact(apdu, len(answer))
    return answer


def initialise_transaction(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    facts, purse = purse_here(card)
    card.now.deal = None
    kind = KINDS[apdu.p1]
    need(apdu.p2 == facts["balance_p2"] and kind in facts["types"], 0x6A86)
    found = card.key(card.now.here, KEYS[kind], apdu.data[0])
    if found is None:
        raise Refused(0x9403)
    amount, terminal = int.from_bytes(apdu.data[1:5], "big"), apdu.data[5:]
    online = kind in ("load", "unload")
    if kind == "load":
        need(not facts["load_needs_pin"] or PIN in card.rights(), 0x6982)
    sequence = purse.online if online else purse.offline
    need(sequence < TOP, 0x9402)
    if kind == "load":
        need(purse.balance + amount <= facts["max_balance"], 0x6985)
    else:
        need(amount <= purse.balance, 0x9401)
    deal = Deal(kind, facts["types"][kind], amount, terminal, draw(4), sequence, found[0].value)
    card.now.deal = deal
    names = bytes((found[1], card.book.crypto[card.now.here]["algorithm_id"])) + deal.random
    if not online:
        return four(purse.balance) + two(sequence) + overdraft(facts).to_bytes(3, "big") + names
    suite = card.suite(card.now.here)
    deal.key = suite.purse_session(deal.key, deal.random + two(sequence) + b"\x80\x00")
    signed = four(purse.balance) + four(amount) + bytes((deal.code,)) + terminal
    return four(purse.balance) + two(sequence) + names + suite.purse_mac(deal.key, signed)


def update_cache(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    purse_here(card)
    deal = card.now.deal
    if deal is None or deal.kind != "capp":
        raise Refused(0x6985)
    file = card.book.by_sfi.get((card.now.here, apdu.p2 >> 3))
    card.now.file = file or card.now.file
    if file is None or file.kind not in ("cyclic", "composite"):
        raise Refused(0x6A82)
    need(file.kind == "composite" or (apdu.p1 == 0 and not apdu.p2 & 4), 0x6A86)
    card.allow(file.write, "capp")
    place = 0
    if file.kind == "composite":
        record = named(file, apdu.p1, apdu.p2)
        if record is None:
            raise Refused(0x6A83)
        need(apdu.data.startswith(record.header) and len(apdu.data) == len(record.blank), 0x6A80)
        place = record.number
    else:
        need(len(apdu.data) == file.size, 0x6700)
    deal.parts[file.fid, place] = apdu.data
    return b""


def taken(card: Card, kinds: tuple[str, ...]) -> Deal:
    """The transaction is over, whatever becomes of the command."""
    deal, card.now.deal = card.now.deal, None
    if deal is None or deal.kind not in kinds:
        raise Refused(0x6985)
    return deal


def credit_for_load(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    _, purse = purse_here(card)
    deal = taken(card, ("load",))
    at, mac2 = apdu.data[:7], apdu.data[7:]
    body = four(deal.amount) + bytes((deal.code,)) + deal.terminal + at
    need(card.suite(card.now.here).purse_mac(deal.key, body) == mac2, 0x9302)
    tac = tac_of(card, four(purse.balance + deal.amount) + two(purse.online) + body)
    purse.balance += deal.amount
    purse.online += 1
    settled(card, deal, at, mac2, tac)
    return tac


def debit(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    if apdu.p1 == 3:
        return debit_for_unload(card, apdu)
    _, purse = purse_here(card)
    deal = taken(card, ("purchase", "capp"))
    number, at, mac1 = apdu.data[:4], apdu.data[4:11], apdu.data[11:]
    suite = card.suite(card.now.here)
    session = suite.purse_session(deal.key, deal.random + two(deal.sequence) + number[2:])
    body = four(deal.amount) + bytes((deal.code,)) + deal.terminal
    need(suite.purse_mac(session, body + at) == mac1, 0x9302)
    mac2, tac = suite.purse_mac(session, four(deal.amount)), tac_of(card, body + number + at)
    purse.balance -= deal.amount
    purse.offline += 1
    settled(card, deal, at, mac2, tac)
    return tac + mac2


def debit_for_unload(card: Card, apdu: Apdu) -> bytes:
    _, purse = purse_here(card)
    deal = taken(card, ("unload",))
    at, mac2 = apdu.data[:7], apdu.data[7:]
    suite, body = card.suite(card.now.here), four(deal.amount) + bytes((deal.code,)) + deal.terminal + at
    need(suite.purse_mac(deal.key, body) == mac2, 0x9302)
    mac3 = suite.purse_mac(deal.key, four(purse.balance - deal.amount) + two(purse.online) + body)
    purse.balance -= deal.amount
    purse.online += 1
    settled(card, deal, at, mac2, mac3)
    return mac3


def tac_of(card: Card, message: bytes) -> bytes:
    here = card.now.here
    found = card.key(here, TAC_KEY, card.book.purses[here]["key_index"])
    if found is None:
        raise Refused(0x9403)
    return card.suite(here).tac(found[0].value, message)


def settled(card: Card, deal: Deal, at: bytes, mac: bytes, tac: bytes) -> None:
    """Log, cached records and proof of what has happened."""
    here = card.now.here
    limit = overdraft(card.book.purses[here]).to_bytes(3, "big")
    entry = two(deal.sequence) + limit + four(deal.amount) + bytes((deal.code,)) + deal.terminal + at
    written(card, file_here(card, LOG), entry)
    for (fid, number), content in deal.parts.items():
        if number:
            card.kept.records[here, fid, number] = content
        else:
            written(card, file_here(card, fid), content)
    card.kept.proofs[here] = (deal.code, deal.sequence, mac, tac)


def file_here(card: Card, fid: bytes) -> File:
    return card.book.by_fid[card.now.here, fid]


def get_proof(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    facts, _ = purse_here(card)
    proof = card.kept.proofs.get(card.now.here)
    if proof is None:
        raise Refused(0x9406)
    code, sequence, mac, tac = proof
    if facts["prove_sequence"] == "init_plus_1":
        sequence += 1
    need((apdu.p2, int.from_bytes(apdu.data, "big")) == (code, sequence), 0x9406)
    return mac + tac if facts["prove_order"] == "mac_tac" else tac + mac
