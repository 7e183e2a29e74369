"""The purse: balance, load, purchase, compound purchase, transaction proof (keys-and-purse §1.3, §1.4).

A debit or load is one commit: balance, counter, transaction log 0018, the trip records of a compound purchase and the
proof stand together or not at all.
"""

from card.files.kinds import AnyEf, CyclicEf, PurseEf
from firmware_sim.card import crypto, memory
from firmware_sim.card.cos import LOAD, PURCHASE, TAC, Card, Handler
from firmware_sim.card.dispatch import Command, want_data, want_le
from firmware_sim.card.files import append_cyclic
from firmware_sim.card.memory import PurseState
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
    SwError,
)

P1_LOAD, P1_PURCHASE, P1_CAPP = 0x00, 0x01, 0x03
SEQUENCE_TOP = 0xFFFF
LOG_FID = bytes.fromhex("0018")
NO_OVERDRAFT = bytes(3)
ALL_BALANCES = 0x05
RANDOM = 4


def get_balance(card: Card, command: Command) -> bytes:
    """80 5C P1 02: 00 available, 01 overdraft limit, 02 overdrawn, 03 real, 04 upper limit, 05 four of them."""
    purse = _purse(card)
    if command.p2 != purse.balance_p2 or command.p1 > ALL_BALANCES:
        raise SwError(BAD_P1P2)
    balance, limit, none = _state(card).balance.to_bytes(4, "big"), purse.max_balance.to_bytes(4, "big"), bytes(4)
    if command.p1 == ALL_BALANCES:
        want_le(command, 16)
        return balance + limit + none + none
    want_le(command, 4)
    return (balance, none, none, balance, limit)[command.p1]


def initialise_transaction(card: Card, command: Command) -> bytes:
    """80 50: key index 1 || amount 4 || terminal 6. Forgets a transaction under way."""
    purse = _purse(card)
    card.session.transaction = None
    if command.p2 != purse.balance_p2 or command.p1 not in (P1_LOAD, P1_PURCHASE, P1_CAPP):
        raise SwError(BAD_P1P2)
    data = want_data(command, 11)
    if not card.in_state("personalised"):
        raise SwError(CONDITIONS)
    index, amount, terminal = data[0], int.from_bytes(data[1:5], "big"), data[5:]
    if command.p1 == P1_LOAD:
        return _init_load(card, purse, index, amount, terminal)
    kind = purse.types["capp" if command.p1 == P1_CAPP else "purchase"]
    return _init_purchase(card, purse, index, amount, terminal, kind)


def _init_load(card: Card, purse: PurseEf, index: int, amount: int, terminal: bytes) -> bytes:
    """-> balance 4 || online sequence 2 || key version 1 || algorithm 1 || random 4 || MAC1 4."""
    key, version = _indexed(card, LOAD, index)
    if purse.load_needs_pin and "pin" not in card.session.rights(card.plan):
        raise SwError(SECURITY)
    state = _state(card)
    if state.online >= SEQUENCE_TOP:
        raise SwError(COUNTER_FULL)
    if state.balance + amount > purse.max_balance:
        raise SwError(CONDITIONS)
    kind = purse.types["load"]
    random = card.entropy.token(RANDOM)
    sequence = state.online.to_bytes(2, "big")
    session = crypto.session(key, random + sequence + b"\x80\x00")
    card.session.transaction = PendingTransaction(kind, amount, terminal, random, state.online, session)
    balance = state.balance.to_bytes(4, "big")
    mac1 = crypto.des_mac(session, balance + amount.to_bytes(4, "big") + bytes((kind,)) + terminal)
    return balance + sequence + bytes((version, _algorithm(card))) + random + mac1


def _init_purchase(card: Card, purse: PurseEf, index: int, amount: int, terminal: bytes, kind: int) -> bytes:
    """-> balance 4 || offline sequence 2 || overdraft limit 3 || key version 1 || algorithm 1 || random 4."""
    key, version = _indexed(card, PURCHASE, index)
    state = _state(card)
    if state.offline >= SEQUENCE_TOP:
        raise SwError(COUNTER_FULL)
    if amount > state.balance:
        raise SwError(NO_FUNDS)
    random = card.entropy.token(RANDOM)
    # The session key needs the terminal's sequence, which comes with 8054; the card key waits.
    card.session.transaction = PendingTransaction(kind, amount, terminal, random, state.offline, key)
    head = state.balance.to_bytes(4, "big") + state.offline.to_bytes(2, "big") + NO_OVERDRAFT
    return head + bytes((version, _algorithm(card))) + random


def update_cache(card: Card, command: Command) -> bytes:
    """80 DC: a record for a file with the access rule `capp`; written with the debit, lost without it."""
    purse = _purse(card)
    transaction = card.session.transaction
    if transaction is None or transaction.kind != purse.types["capp"]:
        raise SwError(CONDITIONS)
    sfi = command.p2 >> 3
    ef = card.plan.ef_by_sfi(card.session.directory, sfi)
    if command.p1 or command.p2 & 0x07:
        raise SwError(BAD_P1P2)
    if not isinstance(ef, CyclicEf):
        raise SwError(FILE_NOT_FOUND)
    card.check_access(ef.write, "capp")
    transaction.cache[sfi] = want_data(command, ef.size)
    return b""


def credit_for_load(card: Card, command: Command) -> bytes:
    """80 52: date 4 || time 3 || MAC2 4 -> TAC 4."""
    purse = _purse(card)
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    transaction = _take(card, {purse.types["load"]})
    data = want_data(command, 11)
    at, mac2 = data[:7], data[7:]
    amount = transaction.amount.to_bytes(4, "big")
    kind = bytes((transaction.kind,))
    if crypto.des_mac(transaction.key, amount + kind + transaction.terminal + at) != mac2:
        raise SwError(MAC_WRONG)
    before = _state(card)
    after = PurseState(before.balance + transaction.amount, before.online + 1, before.offline)
    # keys-and-purse §1.4: the TAC of a load names the online sequence before it was raised.
    covered = after.balance.to_bytes(4, "big") + before.online.to_bytes(2, "big")
    tac = _tac(card, covered + amount + kind + transaction.terminal + at)
    _settle(card, transaction, after, at, mac2 + tac)
    return tac


def debit_for_purchase(card: Card, command: Command) -> bytes:
    """80 54 01 00: terminal sequence 4 || date 4 || time 3 || MAC1 4 -> TAC 4 || MAC2 4."""
    purse = _purse(card)
    if command.p1 != 1 or command.p2:
        raise SwError(BAD_P1P2)
    transaction = _take(card, {purse.types["purchase"], purse.types["capp"]})
    data = want_data(command, 15)
    terminal_sequence, at, mac1 = data[:4], data[4:11], data[11:]
    amount = transaction.amount.to_bytes(4, "big")
    kind = bytes((transaction.kind,))
    diversifier = transaction.random + transaction.sequence.to_bytes(2, "big") + terminal_sequence[2:]
    session = crypto.session(transaction.key, diversifier)
    if crypto.des_mac(session, amount + kind + transaction.terminal + at) != mac1:
        raise SwError(MAC_WRONG)
    before = _state(card)
    after = PurseState(before.balance - transaction.amount, before.online, before.offline + 1)
    mac2 = crypto.des_mac(session, amount)
    tac = _tac(card, amount + kind + transaction.terminal + terminal_sequence + at)
    _settle(card, transaction, after, at, mac2 + tac)
    return tac + mac2


def get_proof(card: Card, command: Command) -> bytes:
    """80 5A 00 type 02 sequence -> MAC and TAC of the last transaction, in the profile's order; 9406 for any other.

    The sequence asked for is the one of the init answer, or one more, as the profile says. The MAC is MAC2: of a
    purchase the card's own, of a load the host's as the card accepted it.
    """
    purse = _purse(card)
    if command.p1:
        raise SwError(BAD_P1P2)
    asked = int.from_bytes(want_data(command, 2), "big")
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
    directory = card.session.directory
    sequence = done.sequence.to_bytes(2, "big")
    # keys-and-purse §1.2, file 0018: sequence 2, overdraft limit 3, amount 4, type 1, terminal 6, date 4, time 3.
    entry = sequence + NO_OVERDRAFT + done.amount.to_bytes(4, "big") + bytes((done.kind,)) + done.terminal + at
    changes: dict[str, bytes | None] = {
        memory.purse_name(directory): after.pack(),
        memory.proof_name(directory): bytes((done.kind,)) + sequence + mac_tac,
    }
    changes.update(append_cyclic(card, _cyclic(card.plan.ef_by_fid(directory, LOG_FID)), entry))
    for sfi, record in done.cache.items():
        changes.update(append_cyclic(card, _cyclic(card.plan.ef_by_sfi(directory, sfi)), record))
    card.nv.commit(changes)


def _cyclic(ef: AnyEf | None) -> CyclicEf:
    if not isinstance(ef, CyclicEf):
        raise SwError(FILE_NOT_FOUND)
    return ef


def _take(card: Card, kinds: set[int]) -> PendingTransaction:
    """The transaction under way; whatever comes of it, it is over."""
    transaction, card.session.transaction = card.session.transaction, None
    if transaction is None or transaction.kind not in kinds:
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
    found = card.key(card.session.directory, kind, index)
    if found is None:
        raise SwError(NO_SUCH_KEY_INDEX)
    return found


def _tac(card: Card, covered: bytes) -> bytes:
    """keys-and-purse §1.4: single DES MAC under left XOR right of the DTK."""
    purse = _purse(card)
    key, _ = _indexed(card, TAC, purse.key_index)
    return crypto.des_mac(crypto.fold(key), covered)


def _algorithm(card: Card) -> int:
    return card.plan.crypto(card.session.directory).algorithm_id


def _option(card: Card, name: str, declared: str) -> str:
    raw = card.nv.get(name)
    return raw.decode("ascii") if raw else declared


HANDLERS: dict[int, Handler] = {
    0x805C: get_balance,
    0x8050: initialise_transaction,
    0x80DC: update_cache,
    0x8052: credit_for_load,
    0x8054: debit_for_purchase,
    0x805A: get_proof,
}
