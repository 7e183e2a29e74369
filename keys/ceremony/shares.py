"""Threshold shares: SLIP-39 through its reference library, one group of members; no passphrase.

SLIP-39 has a checksum in each share and a digest of the secret inside the sharing, so wrong shares are found; shares
of another secret that somebody made on purpose are found by the commitments of the ceremony (`parts.commitment`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics, shamir, wordlist

from card.domain.entropy import Entropy
from keys.ceremony.errors import PartError, QuorumError

# The passphrase is empty, so stretching it protects nothing: the least the library does.
_ITERATIONS: Final = 0
_INDEX: Final = 2
_one_at_a_time: Final = threading.Lock()


def split(secret: bytes, need: int, parts: int, entropy: Entropy) -> list[bytes]:
    """`parts` shares of which `need` are enough; 16, 24 or 32 bytes of secret. Two bytes a word, big-endian."""
    with _chance(entropy):
        (group,) = generate_mnemonics(1, [(need, parts)], secret, iteration_exponent=_ITERATIONS)
    return [_packed(mnemonic) for mnemonic in group]


def combine(shares: Sequence[bytes]) -> bytes:
    """The secret. QuorumError below the threshold, PartError when the shares do not belong together."""
    try:
        mnemonics = [words(share) for share in shares]
        read = {shamir.Share.from_mnemonic(mnemonic): mnemonic for mnemonic in mnemonics}
        need = max((share.member_threshold for share in read), default=2)
        if len(read) < need:
            raise QuorumError(f"{len(read)} shares, {need} are needed")
        return bytes(combine_mnemonics(list(read.values())[:need]))
    except (MnemonicError, ValueError) as bad:
        del bad  # the library's messages name words of a share
        raise PartError("these shares make no key") from None


def words(share: bytes) -> str:
    """The share as the words of SLIP-39. PartError."""
    indices = [int.from_bytes(share[at : at + _INDEX]) for at in range(0, len(share), _INDEX)]
    if len(share) % _INDEX or not all(index < len(wordlist.WORDLIST) for index in indices):
        raise PartError("not a share")
    return str(wordlist.mnemonic_from_indices(indices))


def _packed(mnemonic: str) -> bytes:
    return b"".join(index.to_bytes(_INDEX) for index in wordlist.mnemonic_to_indices(mnemonic))


@contextmanager
def _chance(entropy: Entropy) -> Iterator[None]:
    """The library draws from one module variable, meant to be replaced; put back before anybody else splits."""
    with _one_at_a_time:
        before = shamir.RANDOM_BYTES
        shamir.RANDOM_BYTES = entropy.token
        try:
            yield
        finally:
            shamir.RANDOM_BYTES = before
