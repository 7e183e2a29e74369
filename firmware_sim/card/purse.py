"""The purse: balance, load, purchase, compound purchase, unload, transaction proof (keys-and-purse §1.3, §1.4).

A debit or load is one commit: balance, counter, transaction log 0018, the trip records of a compound purchase and the
proof stand together or not at all. Several purses on a chip are several directories and know nothing of each other.
"""

from card.files.kinds import AnyEf, CyclicEf, PurseEf, RecordEf
from firmware_sim.card import memory
from firmware_sim.card.cos import LOAD, PURCHASE, TAC, UNLOAD, Card
from firmware_sim.card.dispatch import Command, want_le
from firmware_sim.card.files import BY_NUMBER, append_cyclic, check_record, find_record
from firmware_sim.card.memory import PurseState
from firmware_sim.card.rules import ANY_DATA, Form, Rule, always, exactly, plain, sizes, within
from firmware_sim.card.session import PendingTransaction
from firmware_sim.card.status import (
    BAD_P1P2,
    CONDITIONS,
    COUNTER_FULL,
    FILE_NOT_FOUND,
    MAC_WRONG,
    NO_FUNDS,
    NO_PROOF,
    NO_SUCH_KEY_INDEX,
    SECURITY,
    WRONG_LENGTH,
    SwError,
)

KINDS = {0x00: "load", 0x01: "purchase", 0x03: "capp", 0x05: "unload"}  # by P1 of INITIALIZE
WORDS = {0x00: "load", 0x01: "debit", 0x03: "debit", 0x05: "unload"}
P1_PURCHASE, P1_UNLOAD = 0x01, 0x03  # of DEBIT
SEQUENCE_TOP = 0xFFFF
LOG_FID = bytes.fromhex("0018")
ALL_BALANCES = 0x05
RANDOM = 4
ONLINE_TAIL = b"\x80\x00"  # behind random and sequence in the session key of load and unload


def get_balance(card: Card, command: Command) -> bytes:
    """80 5C P1 02: 00 available, 01 overdraft limit, 02 overdrawn, 03 real, 04 upper limit, 05 four of them."""
    purse = _purse(card)
    if command.p2 != purse.balance_p2:
        raise SwError(BAD_P1P2)
    balance, overdraft = _state(card).balance, purse.overdraft_limit
    available, real, limit, top, none = (
        amount.to_bytes(4, "big") for amount in (balance + overdraft, balance, overdraft, purse.max_balance, 0)
    )
    answer = (available, limit, none, real, top, real + top + none + limit)[command.p1]
    want_le(command, len(answer))
    return answer


def initialise_transaction(card: Card, command: Command) -> bytes:
    """80 50: key index 1 || amount 4 || terminal 6. Forgets a transaction under way."""
    purse = _purse(card)
    card.session.transaction = None
    kind = purse.types.get(KINDS[command.p1])
    if command.p2 != purse.balance_p2 or kind is None:
        raise SwError(BAD_P1P2)
    data = command.data
    amount, terminal = int.from_bytes(data[1:5], "big"), data[5:]
    begin = _init_online if KINDS[command.p1] in ("load", "unload") else _init_purchase
    return begin(card, purse, PendingTransaction(kind, amount, terminal, b"", 0, data[:1]))


def _init_online(card: Card, purse: PurseEf, wish: PendingTransaction) -> bytes:
    """Load, unload: balance 4 || online sequence 2 || key version 1 || algorithm 1 || random 4 || MAC1 4."""
    loading = wish.kind == purse.types["load"]
    key, version = _indexed(card, LOAD if loading else UNLOAD, wish.key[0])
    if loading and purse.load_needs_pin and "pin" not in card.session.rights(card.plan):
        raise SwError(SECURITY)
    state = _state(card)
    if state.online >= SEQUENCE_TOP:
        raise SwError(COUNTER_FULL)
    if loading and state.balance + wish.amount > purse.max_balance:
        raise SwError(CONDITIONS)
    if not loading and wish.amount > state.balance:
        raise SwError(NO_FUNDS)
    random = card.entropy.token(RANDOM)
    sequence = state.online.to_bytes(2, "big")
    session = card.family().purse_session(key, random + sequence + ONLINE_TAIL)
    pending = PendingTransaction(wish.kind, wish.amount, wish.terminal, random, state.online, session)
    card.session.transaction = pending
    balance = state.balance.to_bytes(4, "big")
    mac1 = card.family().purse_mac(session, balance + _head(pending))
    return balance + sequence + bytes((version, _algorithm(card))) + random + mac1


def _init_purchase(card: Card, purse: PurseEf, wish: PendingTransaction) -> bytes:
    """-> balance 4 || offline sequence 2 || overdraft limit 3 || key version 1 || algorithm 1 || random 4."""
    key, version = _indexed(card, PURCHASE, wish.key[0])
    state = _state(card)
    if state.offline >= SEQUENCE_TOP:
        raise SwError(COUNTER_FULL)
    if wish.amount > state.balance:
        raise SwError(NO_FUNDS)
    random = card.entropy.token(RANDOM)
    # The session key needs the terminal's sequence, which comes with 8054; the card key waits.
    pending = PendingTransaction(wish.kind, wish.amount, wish.terminal, random, state.offline, key)
    card.session.transaction = pending
    head = state.balance.to_bytes(4, "big") + state.offline.to_bytes(2, "big") + _overdraft(purse)
    return head + bytes((version, _algorithm(card))) + random


def update_cache(card: Card, command: Command) -> bytes:
    """80 DC: a record for a file with the access rule `capp`; written with the debit, lost without it.

    A cyclic file takes P1 00; a file of composite records takes their number, or the low byte of their id.
    """
    purse = _purse(card)
    transaction = card.session.transaction
    if transaction is None or transaction.kind != purse.types.get("capp"):
        raise SwError(CONDITIONS)
    sfi = command.p2 >> 3
    ef = card.plan.ef_by_sfi(card.session.directory, sfi)
    card.session.ef = ef or card.session.ef
    if not isinstance(ef, CyclicEf) and not (isinstance(ef, RecordEf) and ef.form == "composite"):
        raise SwError(FILE_NOT_FOUND)
    if isinstance(ef, CyclicEf) and (command.p1 or command.p2 & BY_NUMBER):
        raise SwError(BAD_P1P2)
    card.check_access(ef.write, "capp")
    number = 0
    if isinstance(ef, RecordEf):
        item = find_record(ef, command)
        check_record(item, command.data)
        number = item.no
    elif len(command.data) != ef.size:
        raise SwError(WRONG_LENGTH)
    transaction.cache[sfi, number] = command.data
    return b""


def credit_for_load(card: Card, command: Command) -> bytes:
    """80 52: date 4 || time 3 || MAC2 4 -> TAC 4."""
    transaction = _take(card, "load")
    at, mac2 = command.data[:7], command.data[7:]
    _check_mac(card, transaction.key, _head(transaction) + at, mac2)
    before = _state(card)
    after = PurseState(before.balance + transaction.amount, before.online + 1, before.offline)
    tac = _tac(card, _online_covered(before, after) + _head(transaction) + at)
    _settle(card, transaction, after, at, mac2 + tac)
    return tac


def debit(card: Card, command: Command) -> bytes:
    """80 54: 01 00 purchase and compound purchase, 03 00 unload."""
    return _debit_for_purchase(card, command) if command.p1 == P1_PURCHASE else _debit_for_unload(card, command)


def _debit_for_purchase(card: Card, command: Command) -> bytes:
    """Terminal sequence 4 || date 4 || time 3 || MAC1 4 -> TAC 4 || MAC2 4."""
    transaction = _take(card, "purchase", "capp")
    data, family = command.data, card.family()
    terminal_sequence, at, mac1 = data[:4], data[4:11], data[11:]
    varied = transaction.random + transaction.sequence.to_bytes(2, "big") + terminal_sequence[2:]
    session = family.purse_session(transaction.key, varied)
    _check_mac(card, session, _head(transaction) + at, mac1)
    before = _state(card)
    after = PurseState(before.balance - transaction.amount, before.online, before.offline + 1)
    mac2 = family.purse_mac(session, transaction.amount.to_bytes(4, "big"))
    tac = _tac(card, _head(transaction) + terminal_sequence + at)
    _settle(card, transaction, after, at, mac2 + tac)
    return tac + mac2


def _debit_for_unload(card: Card, command: Command) -> bytes:
    """Date 4 || time 3 || MAC2 4 -> MAC3 4, which covers what the TAC of a load covers (declared)."""
    transaction = _take(card, "unload")
    at, mac2 = command.data[:7], command.data[7:]
    _check_mac(card, transaction.key, _head(transaction) + at, mac2)
    before = _state(card)
    after = PurseState(before.balance - transaction.amount, before.online + 1, before.offline)
    covered = _online_covered(before, after) + _head(transaction) + at
    mac3 = card.family().purse_mac(transaction.key, covered)
    _settle(card, transaction, after, at, mac2 + mac3)
    return mac3


def get_proof(card: Card, command: Command) -> bytes:
    """80 5A 00 type 02 sequence -> MAC and TAC of the last transaction, in the profile's order; 9406 for any other.

    The sequence asked for is the one of the init answer, or one more, as the profile says. The MAC is MAC2: of a
    purchase the card's own, of a load the host's as the card accepted it; an unload has MAC3 in the TAC's place.
    """
    purse = _purse(card)
    asked = int.from_bytes(command.data, "big")
    proof = card.nv.get(memory.proof_name(card.session.directory))
    if proof is None or command.p2 != proof[0]:
        raise SwError(NO_PROOF)
    known = int.from_bytes(proof[1:3], "big")
    if _option(card, memory.PROVE_SEQUENCE, purse.prove_sequence) == "init_plus_1":
        known += 1
    if asked != known:
        raise SwError(NO_PROOF)
    mac, tac = proof[3:7], proof[7:11]
    return mac + tac if _option(card, memory.PROVE_ORDER, purse.prove_order) == "mac_tac" else tac + mac


def _settle(card: Card, done: PendingTransaction, after: PurseState, at: bytes, mac_tac: bytes) -> None:
    """The one commit of a transaction."""
    directory, purse = card.session.directory, _purse(card)
    sequence = done.sequence.to_bytes(2, "big")
    # keys-and-purse §1.2, file 0018: sequence 2, overdraft limit 3, amount 4, type 1, terminal 6, date 4, time 3.
    entry = sequence + _overdraft(purse) + _head(done) + at
    changes: dict[str, bytes | None] = {
        memory.purse_name(directory): after.pack(),
        memory.proof_name(directory): bytes((done.kind,)) + sequence + mac_tac,
    }
    changes.update(_recorded(card, card.plan.ef_by_fid(directory, LOG_FID), 0, entry))
    for (sfi, number), record in done.cache.items():
        changes.update(_recorded(card, card.plan.ef_by_sfi(directory, sfi), number, record))
    card.nv.commit(changes)


def _recorded(card: Card, ef: AnyEf | None, number: int, record: bytes) -> dict[str, bytes]:
    if isinstance(ef, CyclicEf):
        return append_cyclic(card, ef, record)
    if isinstance(ef, RecordEf):
        return {memory.record_name(ef, number): record}
    raise SwError(FILE_NOT_FOUND)


def _head(transaction: PendingTransaction) -> bytes:
    """amount 4 || type 1 || terminal 6, the middle of every MAC and TAC."""
    return transaction.amount.to_bytes(4, "big") + bytes((transaction.kind,)) + transaction.terminal


def _online_covered(before: PurseState, after: PurseState) -> bytes:
    # keys-and-purse §1.4: balance after, and the online sequence before it was raised.
    return after.balance.to_bytes(4, "big") + before.online.to_bytes(2, "big")


def _check_mac(card: Card, session: bytes, covered: bytes, given: bytes) -> None:
    if card.family().purse_mac(session, covered) != given:
        raise SwError(MAC_WRONG)


def _take(card: Card, *names: str) -> PendingTransaction:
    """The transaction under way; whatever comes of it, it is over."""
    purse = _purse(card)
    transaction, card.session.transaction = card.session.transaction, None
    if transaction is None or transaction.kind not in [purse.types.get(name) for name in names]:
        raise SwError(CONDITIONS)
    return transaction


def _purse(card: Card) -> PurseEf:
    purse = card.plan.purse(card.session.directory)
    if purse is None:
        raise SwError(CONDITIONS)
    return purse


def _state(card: Card) -> PurseState:
    return PurseState.unpack(card.nv.need(memory.purse_name(card.session.directory)))


def _indexed(card: Card, kind: int, index: int) -> tuple[bytes, int]:
    found = card.keys.newest(card.session.directory, kind, index)
    if found is None:
        raise SwError(NO_SUCH_KEY_INDEX)
    return found


def _tac(card: Card, covered: bytes) -> bytes:
    key, _ = _indexed(card, TAC, _purse(card).key_index)
    return card.family().tac(key, covered)


def _overdraft(purse: PurseEf) -> bytes:
    return purse.overdraft_limit.to_bytes(3, "big")


def _algorithm(card: Card) -> int:
    return card.plan.crypto(card.session.directory).algorithm_id


def _option(card: Card, name: str, declared: str) -> str:
    raw = card.nv.get(name)
    return raw.decode("ascii") if raw else declared


def _init_word(command: Command) -> str:
    return WORDS.get(command.p1, "")


def _debit_word(command: Command) -> str:
    return "unload" if command.p1 == P1_UNLOAD else "debit"


_BOTH = (1, 2)  # P2: deposit and purse
_BALANCES = exactly(*(p1 << 8 | p2 for p1 in range(ALL_BALANCES + 1) for p2 in _BOTH))
_STARTS = exactly(*(p1 << 8 | p2 for p1 in KINDS for p2 in _BOTH))
RULES: dict[int, Rule] = {
    0x805C: Rule(get_balance, "BIP", (Form(_BALANCES, sizes(0)),)),
    0x8050: Rule(initialise_transaction, "P", (Form(_STARTS, sizes(11)),), _init_word),
    0x80DC: Rule(
        update_cache, "P", (Form(lambda _, command: not command.p2 & 0x03, within(ANY_DATA)),), always("debit")
    ),
    0x8052: Rule(credit_for_load, "P", plain(0x0000, 11), always("load")),
    0x8054: Rule(debit, "P", (*plain(P1_PURCHASE << 8, 15), *plain(P1_UNLOAD << 8, 11)), _debit_word),
    0x805A: Rule(get_proof, "P", (Form(lambda _, command: command.p1 == 0, sizes(2)),)),
}
