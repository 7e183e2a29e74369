"""Proofs in both directions: the card proves itself, then PIN or keys are shown to it as its files ask.

A card is asked to prove itself before any secret is spent on it: a module of another city fails here, where no try
counter of the card is touched.
"""

import hmac
from dataclasses import dataclass
from typing import Literal

from card import commands
from card.apdu import SW
from card.errors import PinInitialError
from card.files.kinds import Access
from card.pin import Pin
from card.status import send
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.pinpad import Prompt
from terminal.ldt33.visit import Visit

BLOCK = 8
Way = Literal["pin", "key"]
_KEY = "key:"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Process factor and original data of one authentication, 8 bytes each; `key` by name."""

    key: str
    factor: bytes
    original: bytes

    def text(self) -> tuple[str, str]:
        return self.factor.hex().upper(), self.original.hex().upper()


def proofs_of(access: Access, way: Way) -> tuple[str, ...]:
    """What must be shown for `access`, by PIN or by key as the caller chose; where a file knows one way only, that one.

    Minus 6982 when nothing ever opens it.
    """
    if access.free:
        return ()
    open_to_us = [group for group in access.any_of if all(_ours(proof) for proof in group)]
    if not open_to_us:
        raise Ldt33Error(-SW.SECURITY_NOT_SATISFIED, access.text)
    chosen = [group for group in open_to_us if _goes(group, way)]
    if not chosen and way == "pin":
        raise Ldt33Error(-SW.SECURITY_NOT_SATISFIED, access.text)
    return (chosen or open_to_us)[0]


def key_of(proofs: tuple[str, ...]) -> str:
    """The key among them, "" for none."""
    return next((proof.removeprefix(_KEY) for proof in proofs if proof.startswith(_KEY)), "")


def prove_card(call: Call, visit: Visit) -> None:
    """INTERNAL AUTHENTICATION against the PSAM, once a session; -21."""
    if visit.proven:
        return
    challenge = fresh(call, "IRK")
    expected = call.module.internal(visit, challenge.factor, challenge.original)
    check_answer(visit, challenge, expected)


def check_answer(visit: Visit, challenge: Challenge, expected: bytes) -> None:
    """-21 unless the card answers `expected`, and its identification code is its own."""
    if not visit.bound:
        raise Ldt33Error(Code.NOT_GENUINE, "the identification code is of another chip")
    visit.select("SSSE")
    kid = visit.profile.key("IRK").card_kid or 0
    answer = send(visit.channel, commands.internal_authenticate(kid, challenge.factor, challenge.original))
    if not answer.ok or not hmac.compare_digest(answer.data, expected):
        raise Ldt33Error(Code.NOT_GENUINE, f"{answer.sw:04X}")
    visit.proven = True


def fresh(call: Call, key: str, factor: bytes | None = None) -> Challenge:
    """Random original data, and a random process factor where the card gives none."""
    entropy = call.desk.entropy
    return Challenge(key, factor or entropy.token(BLOCK), entropy.token(BLOCK))


def show_key(call: Call, visit: Visit, key: str) -> None:
    """Prove the key `key` to the card through the PSAM, unless it was shown in this directory already."""
    if key in visit.shown:
        return
    challenge = fresh(call, key, visit.session.challenge(BLOCK))
    blob = call.module.external(visit, key, challenge.factor, challenge.original) + challenge.original
    show_blob(visit, key, blob)


def show_blob(visit: Visit, key: str, blob: bytes) -> None:
    """EXTERNAL AUTHENTICATION with 16 bytes made outside; minus the card's status word when it refuses them."""
    kid = visit.profile.key(key).card_kid or 0
    answer = send(visit.channel, commands.external_authenticate(kid, blob[:BLOCK], blob[BLOCK:]))
    if not answer.ok:
        raise Ldt33Error(-answer.sw, f"external authentication {key}")
    visit.shown.add(key)


def show_pin(call: Call, visit: Visit) -> None:
    """Ask the holder and verify; -13 over a contactless line, -33, -35 while the PIN is the initial one."""
    if "pin" in visit.shown:
        return
    if visit.contactless:
        raise Ldt33Error(Code.NOT_SUPPORTED, "PIN over contactless")
    pin = typed(call, visit, Prompt.PIN)
    visit.session.verify_pin(pin)
    rules = visit.profile.pin
    if rules is not None and rules.must_change_initial and pin.digits == rules.initial:
        raise PinInitialError("verify PIN")
    visit.shown.add("pin")


def typed(call: Call, visit: Visit, prompt: Prompt) -> Pin:
    """What the holder typed, as a PIN of the profile's length; -33, -41."""
    digits = call.ask(prompt)
    rules = visit.profile.pin
    if rules is None:
        raise Ldt33Error(Code.NOT_SUPPORTED, "no PIN on this card")
    if not (digits.isascii() and digits.isdigit()):
        raise Ldt33Error(Code.BAD_CHARACTER, "PIN")
    if len(digits) != rules.length:
        raise Ldt33Error(Code.PIN_LENGTH)
    return Pin(digits)


def new_pin(call: Call, visit: Visit) -> Pin:
    """A new PIN typed twice; -34 when the entries differ, -36 when it is the initial one."""
    pin = typed(call, visit, Prompt.NEW)
    if pin != typed(call, visit, Prompt.AGAIN):
        raise Ldt33Error(Code.PIN_UNLIKE)
    if visit.profile.pin is not None and pin.digits == visit.profile.pin.initial:
        raise Ldt33Error(Code.PIN_TO_INITIAL)
    return pin


def _ours(proof: str) -> bool:
    return proof == "pin" or proof.startswith(_KEY)


def _goes(group: tuple[str, ...], way: Way) -> bool:
    """A group that asks for PIN and key goes either way: both are shown."""
    return ("pin" in group) if way == "pin" else bool(key_of(group))
