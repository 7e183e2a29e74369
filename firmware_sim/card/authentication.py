"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATION (card §2.2)."""

from firmware_sim.card import crypto, memory
from firmware_sim.card.cos import EXTERNAL, INTERNAL, MASTER, Card, Handler
from firmware_sim.card.dispatch import Command, want_data
from firmware_sim.card.status import BAD_P1P2, KEY_NOT_FOUND, UNKNOWN_INS, WRONG_LENGTH, SwError

CHALLENGE_LENGTHS = (4, 8, 16)
AUTH_CHALLENGE = 8
MASTER_FORM = 8  # Lc of 3DES(MK, R)
SESSION_FORM = 16  # Lc of cryptogram || original
EXTERNAL_ONLY = b"external-only"
TRIES_AT = 4  # in the key header


def get_challenge(card: Card, command: Command) -> bytes:
    """00 84: 4, 8 or 16 random bytes, good for one use."""
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    if command.le not in CHALLENGE_LENGTHS:
        raise SwError(WRONG_LENGTH)
    card.session.challenge = card.entropy.token(command.le)
    return card.session.challenge


def external_authentication(card: Card, command: Command) -> bytes:
    """00 82: the outside world proves a key.

    Lc 10 or 11: DES(S, original) || original [|| key version], S = 3DES(K, challenge) (2.2 no. 2).
    Lc 08: 3DES(MK, challenge) (2.2 no. 5), which before the end of personalisation grants the right to write.
    """
    if command.p1:
        raise SwError(BAD_P1P2)
    data = want_data(command, MASTER_FORM, SESSION_FORM, SESSION_FORM + 1)
    if len(data) == MASTER_FORM:
        _prove_master(card, command.p2, data)
    else:
        _prove_key(card, command.p2, data)
    return b""


def _prove_master(card: Card, kid: int, data: bytes) -> None:
    directory = card.session.directory
    key, version = card.need_key(directory, MASTER, kid)
    challenge = card.session.use_challenge(AUTH_CHALLENGE)
    right = crypto.encrypt(key, challenge) == data
    card.attempt(memory.tries_name(directory, MASTER, kid), _full(card, directory, MASTER, kid, version), right)
    if not card.in_state("personalised"):
        card.session.personalising = True


def _prove_key(card: Card, kid: int, data: bytes) -> None:
    directory, spec_name = _declared(card, kid)
    key, version = card.need_key(directory, EXTERNAL, kid, _version(data))
    challenge = card.session.use_challenge(AUTH_CHALLENGE)
    session = crypto.session(key, challenge)
    right = crypto.encrypt(session, data[8:16]) == data[:8]
    card.attempt(memory.tries_name(directory, EXTERNAL, kid), _full(card, directory, EXTERNAL, kid, version), right)
    card.session.grant(directory, f"key:{spec_name}")


def internal_authentication(card: Card, command: Command) -> bytes:
    """00 88: the chip proves itself: S = 3DES(IRK, factor); answer DES(S, original) (2.2 no. 1)."""
    if card.nv.get(memory.VARIANT) == EXTERNAL_ONLY:
        raise SwError(UNKNOWN_INS)
    if command.p1:
        raise SwError(BAD_P1P2)
    data = want_data(command, SESSION_FORM, SESSION_FORM + 1)
    for directory in card.plan.lineage(card.session.directory):
        found = card.key(directory, INTERNAL, command.p2, _version(data))
        if found:
            return crypto.encrypt(crypto.session(found[0], data[:8]), data[8:16])
    raise SwError(KEY_NOT_FOUND)


def _version(data: bytes) -> int | None:
    return data[SESSION_FORM] if len(data) > SESSION_FORM else None


def _declared(card: Card, kid: int) -> tuple[str, str]:
    for directory in card.plan.lineage(card.session.directory):
        spec = card.plan.key(directory, EXTERNAL, kid)
        if spec is not None:
            return directory, spec.name
    raise SwError(KEY_NOT_FOUND)


def _full(card: Card, directory: str, kind: int, kid: int, version: int) -> int:
    return card.nv.need(memory.key_name(directory, kind, kid, version))[TRIES_AT]


HANDLERS: dict[int, Handler] = {
    0x0084: get_challenge,
    0x0082: external_authentication,
    0x0088: internal_authentication,
}
