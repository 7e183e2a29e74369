"""Line protection (card §2.3): MAC over the command, enciphered data, and which key serves where."""

from card.files.kinds import AnyEf
from firmware_sim.card.cos import MASTER, STK, Card, check_mac
from firmware_sim.card.dispatch import Command
from firmware_sim.card.families import BadBlockError
from firmware_sim.card.status import BAD_DATA, KEY_NOT_FOUND, SM_MISSING, SM_NOT_SUPPORTED, SwError

MAC = 4
SHORT_CHALLENGE, LONG_CHALLENGE = 4, 8


def line_challenge(card: Card, directory: str) -> bytes:
    """The challenge that a MAC starts from, once: 4 bytes, or 8 where the profile says so (card §2.3). SwError 6984."""
    wide = card.plan.crypto(directory).mac_iv == "challenge8"
    return card.session.use_challenge(LONG_CHALLENGE if wide else SHORT_CHALLENGE)


def right_mac(card: Card, directory: str, key: bytes, command: Command) -> bytes:
    """The MAC that the command should end in. Uses up the challenge; SwError 6984 without one."""
    challenge = line_challenge(card, directory)
    signed = command.header(len(command.data)) + command.data[:-MAC]
    return card.family(directory).line_mac(key, signed, challenge)


def check_line(card: Card, directory: str, key: bytes, command: Command) -> bytes:
    """The command's data without its MAC. SwError 6984, 6988."""
    check_mac(command.data[-MAC:], right_mac(card, directory, key, command))
    return command.data[:-MAC]


def decipher(card: Card, directory: str, key: bytes, data: bytes) -> bytes:
    """Content of enciphered data. SwError 6A80 when it is not whole blocks or not what its length byte says."""
    family = card.family(directory)
    if not data or len(data) % family.block:
        raise SwError(BAD_DATA)
    try:
        return family.decipher(key, data)
    except BadBlockError:
        raise SwError(BAD_DATA) from None


def maintenance_key(card: Card) -> bytes:
    """The key of block, unblock and terminate: the selected directory's STK, else its master key (card §2.3)."""
    directory = card.session.directory
    found = card.keys.newest(directory, STK, 0) or card.keys.need(directory, MASTER, 0)
    return found[0]


def protected_content(card: Card, ef: AnyEf, command: Command) -> bytes:
    """What a protected update (CLA 04) brings for `ef`: key, access rule, MAC, deciphering, in this order."""
    if len(command.data) <= MAC:
        raise SwError(SM_MISSING)
    proof, key = _key_of(card, ef)
    card.check_access(ef.write, proof)
    content = check_line(card, ef.dir, key, command)
    return decipher(card, ef.dir, key, content) if proof.startswith("enc:") else content


def _key_of(card: Card, ef: AnyEf) -> tuple[str, bytes]:
    """(proof, key): the first key that the write rule names for protection, else the directory's STK."""
    named = {proof.partition(":")[2]: proof for group in ef.write.any_of for proof in group if _protects(proof)}
    for spec in card.plan.keys:
        if spec.dir != ef.dir or spec.type is None or spec.card_kid is None:
            continue
        if spec.name in named or (not named and spec.type == STK):
            found = card.keys.newest(spec.dir, spec.type, spec.card_kid)
            if found:
                return named.get(spec.name, f"mac:{spec.name}"), found[0]
    raise SwError(KEY_NOT_FOUND if named else SM_NOT_SUPPORTED)


def _protects(proof: str) -> bool:
    return proof.startswith(("mac:", "enc:"))
