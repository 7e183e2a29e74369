"""Hash chains per (shard, day): a row's hash covers its content and the row before it; a Merkle root closes the day."""

from card.domain.event import canonical
from keys.algorithms.sm3 import sm3

ZERO_HASH = bytes(32)


def link(prev: bytes, content: dict[str, object]) -> bytes:
    """SM3 over the preceding hash and the canonical content."""
    return sm3(prev + canonical(content))


def merkle_root(leaves: list[bytes]) -> bytes:
    """Root over 32-byte leaves; an odd one is carried up unchanged; leaves and nodes are told apart by a first byte."""
    if not leaves:
        return ZERO_HASH
    level = [sm3(b"\x00" + leaf) for leaf in leaves]
    while len(level) > 1:
        pairs = [sm3(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
