"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATION (card §2.2)."""

from firmware_sim.card import memory
from firmware_sim.card.cos import EXTERNAL, INTERNAL, MASTER, Card, found_or_refuse, under_counter
from firmware_sim.card.dispatch import Command
from firmware_sim.card.rules import Form, Rule, always, plain, reference, sizes
from firmware_sim.card.status import KEY_NOT_FOUND, UNKNOWN_INS, WRONG_LENGTH, SwError

CHALLENGE_LENGTHS = (4, 8, 16)
AUTH_CHALLENGE = 8
MASTER_FORM = 8  # Lc of 3DES(MK, R)
SESSION_FORM = 16  # Lc of cryptogram || original
EXTERNAL_ONLY = b"external-only"


def get_challenge(card: Card, command: Command) -> bytes:
    """00 84: 4, 8 or 16 random bytes, good for one use."""
    if command.le not in CHALLENGE_LENGTHS:
        raise SwError(WRONG_LENGTH)
    card.session.challenge = card.entropy.token(command.le)
    return card.session.challenge


def external_authentication(card: Card, command: Command) -> bytes:
    """00 82: the outside world proves a key.

    Lc 10 or 11: E(S, original) || original [|| key version], S the session key of the challenge (card §2.2 no. 2).
    Lc 08: E(MK, challenge) (no. 5), which before the end of personalisation grants the right to write.
    """
    if len(command.data) == MASTER_FORM:
        _prove_master(card, command.p2, command.data)
    else:
        _prove_key(card, command.p2, command.data)
    return b""


def _prove_master(card: Card, kid: int, data: bytes) -> None:
    directory = card.session.directory
    key, version = card.keys.need(directory, MASTER, kid)
    spec = card.plan.key(directory, MASTER, kid)
    counter = under_counter(card, directory, MASTER, kid, version)
    challenge = card.session.use_challenge(AUTH_CHALLENGE)
    proof = f"key:{spec.name}" if spec else ""
    card.session.revoke(directory, proof)
    card.attempt(*counter, card.family().prove_master(key, challenge) == data)
    if card.in_state("personalised"):
        card.session.grant(directory, proof)
    else:
        card.session.personalising = True


def _prove_key(card: Card, kid: int, data: bytes) -> None:
    directory, name = _declared(card, kid)
    key, version = found_or_refuse(card.keys.exact(directory, EXTERNAL, kid, _version(data)))
    counter = under_counter(card, directory, EXTERNAL, kid, version)
    challenge = card.session.use_challenge(AUTH_CHALLENGE)
    right = card.family(directory).cryptogram(key, challenge, data[8:16]) == data[:8]
    card.session.revoke(directory, f"key:{name}")
    card.attempt(*counter, right)
    card.session.grant(directory, f"key:{name}")


def internal_authentication(card: Card, command: Command) -> bytes:
    """00 88: the chip proves itself: E(S, original), S the session key of the factor (card §2.2 no. 1)."""
    data = command.data
    for directory in card.plan.lineage(card.session.directory):
        found = card.keys.exact(directory, INTERNAL, command.p2, _version(data))
        if found:
            return card.family(directory).cryptogram(found[0], data[:8], data[8:16])
    raise SwError(KEY_NOT_FOUND)


def _internal_or_unknown(card: Card, command: Command) -> bool:
    # A chip that only checks others has not even the instruction (firmware_sim.card.variants).
    if card.nv.get(memory.VARIANT) == EXTERNAL_ONLY:
        raise SwError(UNKNOWN_INS)
    return command.p1 == 0


def _version(data: bytes) -> int | None:
    return data[SESSION_FORM] if len(data) > SESSION_FORM else None


def _declared(card: Card, kid: int) -> tuple[str, str]:
    for directory in card.plan.lineage(card.session.directory):
        spec = card.plan.key(directory, EXTERNAL, kid)
        if spec is not None:
            return directory, spec.name
    raise SwError(KEY_NOT_FOUND)


RULES: dict[int, Rule] = {
    0x0084: Rule(get_challenge, "BIP", plain(0x0000, 0), when_blocked=True),
    0x0082: Rule(external_authentication, "BIP", (Form(reference(), sizes(8, 16, 17)),), always("external")),
    0x0088: Rule(internal_authentication, "BIP", (Form(_internal_or_unknown, sizes(16, 17)),), always("internal")),
}
