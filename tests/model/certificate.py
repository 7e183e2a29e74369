"""The certificate application in the executable specification (docs/card-commands.md, 9), on gmalg alone."""

from functools import cache
from typing import Any

from gmalg import SM2, SM3, SM4
from gmalg.base import Hash
from gmalg.errors import GMError
from gmalg.sm2 import SM2Core
from gmalg.sm2 import _ecdlp as CURVE  # the recommended curve of GB/T 32918.5

from tests.model.card import CHALLENGE_OF_MAC, Card
from tests.model.state import PIN, Apdu, Draw, Refused, SecretPin, need

HOLDER, ADMINISTRATOR = "holder", "administrator"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123  # GB/T 32918.5, n
HEAD = bytes.fromhex("0100")


def digest_of(message: bytes) -> bytes:
    hasher = SM3()
    hasher.update(message)
    return bytes(hasher.value())


def first_pins(facts: dict[str, Any]) -> dict[str, SecretPin]:
    """What the factory leaves: SM4 keys made of the PINs' digits."""
    digits = {HOLDER: facts["pin_initial"], ADMINISTRATOR: facts.get("admin_initial", "")}
    return {who: SecretPin(digest_of(pin.encode())[:16], facts["pin_tries"]) for who, pin in digits.items() if pin}


def the_pin(card: Card, who: str) -> tuple[dict[str, Any], SecretPin]:
    facts, pin = card.book.certificates.get(card.now.here), card.kept.secrets.get((card.now.here, who))
    if facts is None or pin is None:
        raise Refused(0x6A88)
    return facts, pin


def proof_of(who: str) -> str:
    return PIN if who == HOLDER else ADMINISTRATOR


def judge(card: Card, who: str, right: bool) -> None:
    facts, pin = the_pin(card, who)
    pin.tries = facts["pin_tries"] if right else pin.tries - 1
    if not right:
        card.revoke(card.now.here, proof_of(who))
    need(right, 0x63C0 | pin.tries)


def verify(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    who = HOLDER if apdu.p2 == 0x81 else ADMINISTRATOR
    _, pin = the_pin(card, who)
    if not apdu.data:
        raise Refused(0x63C0 | pin.tries if pin.tries else 0x6983)
    need(pin.tries, 0x6983)
    challenge = card.take_challenge(16)
    judge(card, who, SM4(pin.key).encrypt(challenge) == apdu.data)
    card.grant(card.now.here, proof_of(who))
    return b""


def change(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    who = HOLDER if apdu.p1 == 1 else ADMINISTRATOR
    facts, pin = the_pin(card, who)
    need(pin.tries, 0x6983)
    right = line_mac(pin.key, apdu.head + apdu.data[:16], card.take_challenge(CHALLENGE_OF_MAC))
    card.revoke(card.now.here, PIN)
    judge(card, who, right == apdu.data[16:])
    new = bytes(SM4(pin.key).decrypt(apdu.data[:16]))
    card.kept.secrets[card.now.here, HOLDER] = SecretPin(new, facts["pin_tries"])
    return b""


def line_mac(key: bytes, message: bytes, challenge: bytes) -> bytes:
    """SM4-CBC, the challenge and zeros before it, first four bytes of the last block."""
    whole, state = message + b"\x80" + bytes((-len(message) - 1) % 16), challenge.ljust(16, b"\0")
    for at in range(0, len(whole), 16):
        state = bytes(SM4(key).encrypt(bytes(a ^ b for a, b in zip(state, whole[at : at + 16], strict=True))))
    return state[:4]


def generate(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    facts = card.book.certificates.get(card.now.here)
    if facts is None:
        raise Refused(0x6985)
    need(card.may_personalise or PIN in card.now.rights.get(card.now.here, ()), 0x6982)
    card.exact(apdu, 64)
    scalar = (int.from_bytes(draw(32), "big") % (ORDER - 2) + 1).to_bytes(32, "big")
    point = public_of(scalar)
    if apdu.p2:
        card.kept.opening[card.now.here] = scalar
        return point
    card.kept.private[card.now.here] = scalar
    card.kept.binaries[card.now.here, bytes.fromhex(facts["public_key"])] = HEAD + point
    return point


@cache
def public_of(scalar: bytes) -> bytes:
    """X || Y."""
    point = SM2Core(CURVE, SM3()).generate_pk(int.from_bytes(scalar, "big"))
    return point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def sign(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    """A signature is not foreseeable: what the card under test made is checked with its public key."""
    need(card.now.here not in card.book.banks, 0x6A88)  # there it is GET DATA of a tag nobody knows
    need(card.now.here in card.book.certificates, 0x6985)
    scalar = card.kept.private.get(card.now.here)
    need(scalar, 0x6A88)
    need(PIN in card.now.rights.get(card.now.here, ()), 0x6982)
    assert scalar
    made = card.observed
    good = len(made) == 64 and holds(public_of(scalar), apdu.data, made)
    return made if good else b"a signature over the digest".ljust(64)


def open_key(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    """The plain bytes of C1 || C3 || C2, whose C3 must be right."""
    need(card.now.here in card.book.certificates, 0x6985)
    scalar = card.kept.opening.get(card.now.here)
    need(scalar, 0x6A88)
    need(PIN in card.now.rights.get(card.now.here, ()), 0x6982)
    assert scalar
    point = (int.from_bytes(apdu.data[:32], "big"), int.from_bytes(apdu.data[32:64], "big"))
    try:
        core = SM2Core(CURVE, SM3())
        return bytes(core.decrypt(point, apdu.data[96:], apdu.data[64:96], int.from_bytes(scalar, "big")))
    except GMError:  # a point off the curve, another digest
        raise Refused(0x6A80) from None


def hidden(public: bytes, key: bytes, seed: bytes) -> bytes:
    """C1 || C3 || C2 of a session key; `seed` is the chance."""
    sm2 = SM2(pk=b"\x04" + public, rnd_fn=lambda _bits: int.from_bytes(seed, "big") % (ORDER - 1) + 1)
    return bytes(sm2.encrypt(key))[1:]


class GivenDigest(Hash):  # type: ignore[misc]
    """In the place of SM3 where the digest is given already: gmalg's own verification then asks it and nothing else."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def reset(self) -> None:
        """Nothing to forget."""

    def update(self, data: bytes) -> None:
        """Nothing to digest."""

    def value(self) -> bytes:
        return self._digest


def holds(public: bytes, digest: bytes, signature: bytes) -> bool:
    """r || s over a given digest, by gmalg (GB/T 32918.2 clause 7.1, from step 5 on)."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    point = (int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big"))
    return bool(SM2Core(CURVE, GivenDigest(digest)).verify(b"", r, s, b"", point))
