"""The medical debit and its records: a declared form, heads and files from the dialect (card §4.3, §7; B and C).

No public text says how DF04 is debited; this is the PBOC purchase with two amounts. A production profile refuses these
functions unless its dialect confirms them. With a PSAM the key is declared to lie in its social security application
(`card/profiles/psam-ssc.toml`, usage type 2), diversified by city and card like every other key there.
"""

from dataclasses import dataclass

from card import commands
from card.apdu import SW, CommandApdu
from card.errors import ProfileError
from card.files import codecs
from card.files.kinds import CyclicEf
from card.status import ask, send
from keys.psam import PurchaseInit
from keys.tac import Moment
from terminal.ldt33.addresses import GROUP, PayInfo, hex_field, line, parse_card_info, parse_pay_info, split_line
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.dialect import DebitForm
from terminal.ldt33.proofs import proofs_of, prove_card, show_pin
from terminal.ldt33.records import fields_line
from terminal.ldt33.visit import Unsettled, Visit, check_card

OPENED = 15  # balance 4 ‖ sequence 2 ‖ overdraft limit 3 ‖ key version 1 ‖ algorithm 1 ‖ random 4
DEBITED = 8  # TAC 4 ‖ MAC2 4


@dataclass(frozen=True, slots=True)
class Opened:
    """A debit the card has begun: its random, its sequence, and what it is for."""

    random: bytes
    sequence: bytes
    terminal: bytes
    pay: PayInfo
    key_version: int
    algorithm: int


def debit(call: Call, kind: int, card: str, pay: str) -> str:
    """`TAC|终端交易序号 4|`: MAC1 from the PSAM, MAC2 checked by it; the card proves itself, then the PIN is asked for.

    When the end of a debit was not seen, the same call (card, amounts, time) asks the card for its proof and takes
    nothing twice. -15 when MAC2 is wrong.
    """
    wanted, info = parse_pay_info(pay), parse_card_info(card)
    visit = call.open(kind, contact_only=True)
    check_card(visit, info)
    form = call.desk.dialect.debit
    _enter(visit, form)
    prove_card(call, visit)
    _enter(visit, form)
    show_pin(call, visit)
    _enter(visit, form)
    torn = call.desk.unsettled.get(visit.card_id)
    if torn is not None and torn.asked == _asked(wanted):
        tac = _proof(call, visit, form, torn)
        if tac:
            del call.desk.unsettled[visit.card_id]
            return _settled(tac, torn.terminal_seq)
    call.desk.unsettled.pop(visit.card_id, None)
    return _by_module(call, visit, form, _open(call, visit, form, wanted))


def _by_module(call: Call, visit: Visit, form: DebitForm, opened: Opened) -> str:
    """Remembered before the card can take anything, forgotten when both have said how it ended.

    A refused debit stays remembered too: should it be repeated, the card says first that it never made it.
    """
    pay = opened.pay
    moment = Moment.from_digits(pay.moment[:8], pay.moment[8:])
    sequence, amount = int.from_bytes(opened.sequence), pay.personal + pay.pooled
    asked = PurchaseInit(
        opened.random,
        sequence,
        amount,
        form.type,
        moment,
        opened.key_version,
        opened.algorithm,
        visit.f_card,
        visit.f_city,
    )
    terminal_seq, mac1 = call.module.authorise(visit, asked)
    unsettled = call.desk.unsettled
    unsettled[visit.card_id] = Unsettled(_asked(pay), sequence, terminal_seq)
    command = _debit_command(form, terminal_seq.to_bytes(4) + moment.packed + mac1)
    answer = send(visit.channel, command)
    if not answer.ok:
        raise Ldt33Error(-answer.sw, "debit")
    if len(answer.data) != DEBITED:
        raise Ldt33Error(Code.BAD_INFORMATION, "answer to the debit")
    try:
        call.module.finish(answer.data[4:])
    except Ldt33Error as refused:
        if refused.value == Code.BAD_INFORMATION:
            del unsettled[visit.card_id]
        raise
    del unsettled[visit.card_id]
    return _settled(answer.data[:4], terminal_seq)


def _proof(call: Call, visit: Visit, form: DebitForm, torn: Unsettled) -> bytes:
    """The TAC of the debit whose end was not seen; empty when the card never made it (keys-and-purse §1.7).

    Another terminal may have used that sequence since: -15 unless the newest entry is of this terminal and time.
    """
    cla, ins, p1, p2 = hex_field(form.prove, 4)
    sequence = (torn.sequence + form.prove_ahead) & 0xFFFF
    answer = send(visit.channel, CommandApdu(cla, ins, p1, p2, sequence.to_bytes(2), le=DEBITED))
    if answer.sw == SW.PROOF_NOT_AVAILABLE:
        return b""
    if not answer.ok or len(answer.data) != DEBITED:
        raise Ldt33Error(-answer.sw if not answer.ok else Code.BAD_INFORMATION, "proof of a debit")
    moment = bytes.fromhex(torn.asked.split("|")[2])
    ef = _file(visit, form)
    newest = ask(visit.channel, commands.read_record(1, ef.sfi, ef.size), f"read {ef.path}", ef.size)
    if bytes.fromhex(call.module.terminal_no) + moment not in newest:
        raise Ldt33Error(Code.BAD_INFORMATION, "the card's last debit is another one")
    return answer.data[4:]


def _asked(pay: PayInfo) -> str:
    return line(str(pay.personal), str(pay.pooled), pay.moment)


def _settled(tac: bytes, terminal_seq: int) -> str:
    return line(tac.hex().upper(), f"{terminal_seq:08X}")


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
    answer = ask(call.visit.channel, _debit_command(form, data), "debit", DEBITED)
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


def _debit_command(form: DebitForm, data: bytes) -> CommandApdu:
    cla, ins, p1, p2 = hex_field(form.debit, 4)
    return CommandApdu(cla, ins, p1, p2, data, le=DEBITED)


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
    return Opened(answer[11:15], answer[4:6], terminal, pay, answer[9], answer[10])
