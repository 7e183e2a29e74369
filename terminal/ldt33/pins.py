"""The four PIN functions, over contact only; reload and unblock with a PSAM or in three steps (card §4.1, §4.3 B)."""

from card.apdu import CommandApdu, Ins
from card.pin import Pin
from card.secure_messaging import line_rule
from card.status import send
from terminal.ldt33.addresses import hex_field, line, parse_card_info, split_line
from terminal.ldt33.basic import check_blob, step1_line, told
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.pinpad import Prompt
from terminal.ldt33.proofs import new_pin, prove_card, show_pin, typed
from terminal.ldt33.records import key_address
from terminal.ldt33.visit import Visit, check_card

PUK = "PUK"
MAC = 4
SECURE = 0x84


def verify(call: Call, kind: int) -> str:
    """Ask and verify. -51 or minus 63Cx, -52, -35 for the initial PIN."""
    show_pin(call, call.open(kind, contact_only=True))
    return ""


def change(call: Call, kind: int) -> str:
    """The old PIN, then the new one twice."""
    visit = call.open(kind, contact_only=True)
    old = typed(call, visit, Prompt.OLD)
    visit.session.change_pin(old, new_pin(call, visit))
    return ""


def reload(call: Call, kind: int, card: str) -> str:
    """A new PIN under the PUK of the PSAM."""
    visit = _card(call, kind, card)
    prove_card(call, visit)
    pin = new_pin(call, visit)
    head = reload_head(visit)
    visit.select("SSSE")
    challenge = _line_challenge(visit)
    plain = bytes([len(pin.bcd)]) + pin.bcd
    _send(visit, head + call.module.reload_data(visit, head, plain, challenge), "reload PIN")
    return ""


def unblock(call: Call, kind: int, card: str) -> str:
    """The PIN's tries are full again, its value stays."""
    visit = _card(call, kind, card)
    prove_card(call, visit)
    head = unblock_head()
    visit.select("SSSE")
    challenge = _line_challenge(visit)
    _send(visit, head + call.module.unblock_mac(visit, head, challenge), "unblock PIN")
    return ""


def reload_step1(call: Call, kind: int, card: str) -> str:
    """The card is to prove itself first: the fields of a first step, without external part (C)."""
    return step1_line(call, _card(call, kind, card), "", "iReloadPIN_HSM_Step2")


def unblock_step1(call: Call, kind: int, card: str) -> str:
    """As for reload."""
    return step1_line(call, _card(call, kind, card), "", "iUnblockPIN_HSM_Step2")


def reload_step2(call: Call, keys: str) -> str:
    """`算法|密钥地址|过程因子|命令头|新PIN|`: the centre encrypts the PIN and makes the MAC."""
    pin = _proven(call, keys, new=True)
    return _ask_centre(call, reload_head(call.visit), "iReloadPIN_HSM_Step3", pin.digits if pin else "")


def unblock_step2(call: Call, keys: str) -> str:
    """`算法|密钥地址|过程因子|命令头|`."""
    _proven(call, keys, new=False)
    return _ask_centre(call, unblock_head(), "iUnblockPIN_HSM_Step3")


def step3(call: Call, key: str) -> str:
    """pKey is the whole command in hex; only the command that was asked for goes to the card."""
    head = call.resumed.state if call.resumed else None
    if not isinstance(head, bytes):
        raise Ldt33Error(Code.NOT_CONNECTED)
    (text,) = split_line(key, 1)
    apdu = hex_field(text, len(head) + head[4])
    if not apdu.startswith(head):
        raise Ldt33Error(Code.BAD_INPUT, "not the command that was asked for")
    _send(call.visit, apdu, "command from the centre")
    return ""


def reload_head(visit: Visit) -> bytes:
    """84 D4 00 00 Lc: cipher 8 (DES) or 16 (SM4) and MAC 4 (card §2.1, B; P1 P2 declared)."""
    cipher = 16 if visit.profile.crypto.algorithm == "sm4" else 8
    return bytes((SECURE, Ins.WRITE_KEY, 0x00, 0x00, cipher + MAC))


def unblock_head() -> bytes:
    """84 24 00 00 04."""
    return bytes((SECURE, Ins.PIN_UNBLOCK, 0x00, 0x00, MAC))


def _line_challenge(visit: Visit) -> bytes:
    """The random the MAC begins with, as long as the profile says (card §2.3, B)."""
    return visit.session.challenge(line_rule(visit.profile.crypto).challenge_length)


def _card(call: Call, kind: int, card: str) -> Visit:
    info = parse_card_info(card)
    visit = call.open(kind, contact_only=True)
    check_card(visit, info)
    return visit


def _proven(call: Call, keys: str, *, new: bool) -> Pin | None:
    """The card proves itself by the centre's answer; then, for a reload, the new PIN is typed."""
    internal, _ = told(call)
    (blob,) = split_line(keys, 1)
    check_blob(call.visit, internal, blob)
    return new_pin(call, call.visit) if new else None


def _ask_centre(call: Call, head: bytes, then: str, *rest: str) -> str:
    visit = call.visit
    challenge = _line_challenge(visit)
    call.keep(then, head)
    address = key_address(visit, PUK)
    return line(visit.algorithm, address, challenge.hex().upper(), head.hex().upper(), *rest)


def _send(visit: Visit, apdu: bytes, doing: str) -> None:
    command = CommandApdu.parse(apdu)
    answer = send(visit.channel, command)
    if not answer.ok:
        raise Ldt33Error(-answer.sw, doing)
