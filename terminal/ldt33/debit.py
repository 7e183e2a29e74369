"""The medical debit and its records: a declared form, heads and files from the dialect (card §4.3, §7; B and C).

No public text says how DF04 is debited; this is the PBOC purchase with two amounts. A production profile refuses these
functions unless its dialect confirms them.
"""

from dataclasses import dataclass

from card import commands
from card.apdu import SW, CommandApdu
from card.errors import ProfileError
from card.files import codecs
from card.files.kinds import CyclicEf
from card.status import ask, send
from terminal.ldt33.addresses import GROUP, PayInfo, hex_field, line, parse_card_info, parse_pay_info, split_line
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.dialect import DebitForm
from terminal.ldt33.proofs import proofs_of, show_pin
from terminal.ldt33.records import fields_line
from terminal.ldt33.visit import Visit, check_card

OPENED = 15  # balance 4 ‖ sequence 2 ‖ overdraft limit 3 ‖ key version 1 ‖ algorithm 1 ‖ random 4
DEBITED = 8  # TAC 4 ‖ MAC2 4


@dataclass(frozen=True, slots=True)
class Opened:
    """A debit the card has begun: its random, its sequence, and what it is for."""

    random: bytes
    sequence: bytes
    terminal: bytes
    pay: PayInfo


def debit(call: Call, kind: int, card: str, pay: str) -> str:
    """-13: no PSAM is known that holds the medical purchase key; the two steps with the centre's module are there."""
    parse_pay_info(pay)
    check_card(call.open(kind, contact_only=True), parse_card_info(card))
    raise Ldt33Error(Code.NOT_SUPPORTED, "the medical purchase key's place in a PSAM is not known")


def step1(call: Call, kind: int, card: str, pay: str) -> str:
    """`算法|密钥地址|随机数 4|交易序号 2|个人金额 4|统筹金额 4|类型|终端机编号 6|时间|`; the PIN is asked for first."""
    wanted, info = parse_pay_info(pay), parse_card_info(card)
    visit = call.open(kind, contact_only=True)
    check_card(visit, info)
    form = call.desk.dialect.debit
    _enter(visit, form)
    show_pin(call, visit)
    _enter(visit, form)
    opened = _open(call, visit, form, wanted)
    call.keep("iDoDebit_HSM_Step2", opened)
    amounts = (f"{wanted.personal:08X}", f"{wanted.pooled:08X}")
    head = (visit.algorithm, form.key_address, opened.random.hex().upper(), opened.sequence.hex().upper())
    return line(*head, *amounts, f"{form.type:02X}", opened.terminal.hex().upper(), wanted.moment)


def step2(call: Call, key: str) -> str:
    """pKey `终端交易序号 4|时间|MAC1|` -> `TAC|MAC2|`."""
    opened = call.resumed.state if call.resumed else None
    if not isinstance(opened, Opened):
        raise Ldt33Error(Code.NOT_CONNECTED)
    sequence, moment, mac1 = split_line(key, 3)
    if moment != opened.pay.moment:
        raise Ldt33Error(Code.BAD_INPUT, "another time than in step 1")
    form = call.desk.dialect.debit
    data = hex_field(sequence, 4) + bytes.fromhex(moment) + hex_field(mac1, 4)
    cla, ins, p1, p2 = hex_field(form.debit, 4)
    command = CommandApdu(cla, ins, p1, p2, data, le=DEBITED)
    answer = ask(call.visit.channel, command, "debit", DEBITED)
    return line(answer[:4].hex().upper(), answer[4:].hex().upper())


def records(call: Call, kind: int) -> str:
    """Every transaction the card remembers, newest first: its fields, each closed by `|`, the entry by `$`."""
    visit = call.open(kind, contact_only=True)
    form = call.desk.dialect.debit
    ef = _file(visit, form)
    proofs = proofs_of(ef.read, "pin")
    _enter(visit, form)
    if "pin" in proofs:
        show_pin(call, visit)
        _enter(visit, form)
    entries = []
    for number in range(1, ef.capacity + 1):
        answer = send(visit.channel, commands.read_record(number, ef.sfi, ef.size))
        if answer.sw == SW.RECORD_NOT_FOUND:
            break
        if not answer.ok:
            raise Ldt33Error(-answer.sw, f"read {ef.path}")
        values = codecs.decode_fields(ef.fields, answer.data, visit.profile.text_codec)
        entries.append(fields_line(ef.fields, values) + GROUP)
    return "".join(entries)


def _file(visit: Visit, form: DebitForm) -> CyclicEf:
    try:
        ef = visit.profile.file(form.dir, form.records)
    except ProfileError as unknown:
        raise Ldt33Error(Code.NOT_SUPPORTED, "no transaction file on this card") from unknown
    if not isinstance(ef, CyclicEf):
        raise Ldt33Error(Code.NOT_SUPPORTED, f"{ef.path} is not cyclic")
    return ef


def _enter(visit: Visit, form: DebitForm) -> None:
    try:
        visit.select(form.dir)
    except ProfileError as unknown:
        raise Ldt33Error(Code.NOT_SUPPORTED, f"no {form.dir} on this card") from unknown


def _open(call: Call, visit: Visit, form: DebitForm, pay: PayInfo) -> Opened:
    terminal = bytes.fromhex(call.module.terminal_no) if call.desk.slots.psam() is not None else bytes(6)
    parts = (pay.personal, pay.pooled) if form.amounts == "two" else (pay.personal + pay.pooled,)
    data = bytes([form.key_index]) + b"".join(part.to_bytes(4, "big") for part in parts) + terminal
    cla, ins, p1, p2 = hex_field(form.initialise, 4)
    answer = ask(visit.channel, CommandApdu(cla, ins, p1, p2, data, le=OPENED), "begin a debit", OPENED)
    return Opened(answer[11:15], answer[4:6], terminal, pay)
