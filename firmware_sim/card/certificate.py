"""The certificate application of version 3.00 (card §6.1): PINs under SM4, SM2 keys that never leave, signatures.

Layouts the sources leave open are declared: docs/card-commands.md, 9. SM2 is a library's.
"""

from card.files.specs import CertificateSpec
from firmware_sim.card import crypto, families, memory
from firmware_sim.card.blueprint import Blueprint
from firmware_sim.card.cos import PIN_PROOF, Card
from firmware_sim.card.dispatch import Command, want_le
from firmware_sim.card.line import MAC
from firmware_sim.card.status import (
    BAD_DATA,
    BLOCKED,
    CONDITIONS,
    FILE_NOT_FOUND,
    KEY_NOT_FOUND,
    SECURITY,
    TRIES_LEFT,
    SwError,
)
from firmware_sim.card.timing import tally
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm2_backend import HALF, ORDER
from keys.errors import EnvelopeError

HOLDER, ADMINISTRATOR = "holder", "administrator"
HOLDER_P2, CHANGE_BY_HOLDER = 0x81, 0x01
PIN_KEY_LENGTH, CHALLENGE, LINE_CHALLENGE = 16, 16, 4
BIT_LENGTH = bytes.fromhex("0100")  # in front of X || Y in EF0012: 256 bits
# 32 bytes each; no command reads them
PRIVATE, ENCRYPTION = "certificate/key", "certificate/encryption"
FOR_ENCRYPTION = 0x01  # P2 of GENERATE KEY


def pin_name(who: str) -> str:
    """Left 16 bytes of SM3(PIN) of the holder or the administrator."""
    return f"certificate/pin/{who}"


def tries_name(who: str) -> str:
    """One byte: tries left."""
    return f"certificate/tries/{who}"


def pin_key(digits: str) -> bytes:
    """A certificate PIN as the chip keeps it: an SM4 key."""
    return crypto.sm3(digits.encode("ascii"))[:PIN_KEY_LENGTH]


def blank_values(plan: Blueprint) -> dict[str, bytes]:
    """What the factory leaves in a chip with a certificate application: its PINs; no key."""
    spec = _declared(plan)
    if spec is None:
        return {}
    values = {pin_name(HOLDER): pin_key(spec.pin_initial), tries_name(HOLDER): bytes((spec.pin_tries,))}
    if spec.admin_initial:
        values[pin_name(ADMINISTRATOR)] = pin_key(spec.admin_initial)
        values[tries_name(ADMINISTRATOR)] = bytes((spec.pin_tries,))
    return values


def verify(card: Card, command: Command) -> bytes:
    """00 20 01 81 (holder) or 01 00 (administrator): SM4(left 16 of SM3(PIN), challenge 16)."""
    who = HOLDER if command.p2 == HOLDER_P2 else ADMINISTRATOR
    spec, key = _pin(card, who)
    left = (card.nv.get(tries_name(who)) or b"\0")[0]
    if not command.data:
        raise SwError(TRIES_LEFT | left if left else BLOCKED)
    card.tries_left(tries_name(who), spec.pin_tries)
    challenge = card.session.use_challenge(CHALLENGE)
    right = crypto.sm4_encrypt(key, challenge) == command.data
    if not right:
        card.session.revoke(spec.adf, _proof(who))
    card.attempt(tries_name(who), spec.pin_tries, right)
    card.session.grant(spec.adf, _proof(who))
    return b""


def change_pin(card: Card, command: Command) -> bytes:
    """84 5E 01 00 by the holder, 00 00 by the administrator: SM4(key, new 16) || MAC4 under the same key."""
    who = HOLDER if command.p1 == CHANGE_BY_HOLDER else ADMINISTRATOR
    spec, key = _pin(card, who)
    card.tries_left(tries_name(who), spec.pin_tries)
    challenge = card.session.use_challenge(LINE_CHALLENGE)
    hidden, given = command.data[:-MAC], command.data[-MAC:]
    right = families.SM4.line_mac(key, command.header(len(command.data)) + hidden, challenge) == given
    card.session.revoke(spec.adf, _proof(HOLDER))
    card.attempt(tries_name(who), spec.pin_tries, right)
    new = crypto.sm4_decrypt(key, hidden)
    card.nv.commit({pin_name(HOLDER): new, tries_name(HOLDER): bytes((spec.pin_tries,))})
    return b""


def generate(card: Card, command: Command) -> bytes:
    """80 4E 00 00 -> X || Y: a new key pair inside the chip; the signing key's public half stands in EF0012 too.

    P2 01 is the encryption key, whose public half is only answered: its certificate is where others find it.
    """
    spec = _place(card)
    if not (card.in_state("initialised") and card.session.personalising):
        _need_pin(card)
    want_le(command, 2 * HALF)
    key, scalar = _new_key(card)
    if command.p2 == FOR_ENCRYPTION:
        card.nv.commit({ENCRYPTION: scalar})
        return key.public.raw()
    ef = card.plan.ef_by_fid(spec.adf, bytes.fromhex(spec.public_key))
    if ef is None:
        raise SwError(FILE_NOT_FOUND)
    point = key.public.raw()
    card.nv.commit({PRIVATE: scalar, memory.binary_name(ef): BIT_LENGTH + point})
    return point


def sign(card: Card, command: Command) -> bytes:
    """80 CA 00 00 20 digest -> r || s: SM2 over the digest SM3(ZA || message) that the host made."""
    _place(card)
    scalar = card.nv.get(PRIVATE)
    if scalar is None:
        raise SwError(KEY_NOT_FOUND)
    _need_pin(card)
    tally("sm2_sign")
    return Sm2PrivateKey.from_scalar(scalar).sign_digest(command.data)


def open_session_key(card: Card, command: Command) -> bytes:
    """80 CC 00 00 70 C1 || C3 || C2 -> the 16-byte key in it: SM2 decryption with the encryption key."""
    _place(card)
    scalar = card.nv.get(ENCRYPTION)
    if scalar is None:
        raise SwError(KEY_NOT_FOUND)
    _need_pin(card)
    tally("sm2_decrypt")
    try:
        return Sm2PrivateKey.from_scalar(scalar).decrypt(command.data)
    except EnvelopeError:
        raise SwError(BAD_DATA) from None


def in_place(card: Card) -> bool:
    """The certificate directory is selected."""
    spec = _declared(card.plan)
    return spec is not None and spec.adf == card.session.directory


def _new_key(card: Card) -> tuple[Sm2PrivateKey, bytes]:
    """A scalar in 1 .. n-2 from the chip's own random bytes (GB/T 32918.1 clause 6.1)."""
    tally("sm2_keygen")
    scalar = (int.from_bytes(card.entropy.token(HALF)) % (ORDER - 2) + 1).to_bytes(HALF, "big")
    return Sm2PrivateKey.from_scalar(scalar), scalar


def _declared(plan: Blueprint) -> CertificateSpec | None:
    found = (plan.profile(name).certificate for name in plan.dirs)
    return next((spec for spec in found if spec is not None), None)


def _place(card: Card) -> CertificateSpec:
    spec = _declared(card.plan)
    if spec is None or spec.adf != card.session.directory:
        raise SwError(CONDITIONS)
    return spec


def _pin(card: Card, who: str) -> tuple[CertificateSpec, bytes]:
    spec, key = _declared(card.plan), card.nv.get(pin_name(who))
    if spec is None or key is None or spec.adf != card.session.directory:
        raise SwError(KEY_NOT_FOUND)
    return spec, key


def _need_pin(card: Card) -> None:
    if PIN_PROOF not in card.session.proofs.get(card.session.directory, ()):
        raise SwError(SECURITY)


def _proof(who: str) -> str:
    return PIN_PROOF if who == HOLDER else "administrator"
