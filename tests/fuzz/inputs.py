"""Bad bytes: noise, and good bytes with accidents. One seed, the same bytes again."""

from collections.abc import Sequence

from card.domain.entropy import Entropy, SeededEntropy

LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 23, 30, 48, 64, 127, 128, 129, 255, 256, 257, 258, 300)
INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF, 0x61, 0x6C, 0x90, 0x6F, 0x70, 0x9F, 0x1F, 0x5F)
ROUNDS = 4  # accidents to one input, at most
POOL = 4096


class Inputs:
    """Chance for fuzzers. Also an `Entropy`, so that the code under test can draw from the same seed."""

    def __init__(self, seed: int, stream: str) -> None:
        self._entropy = SeededEntropy(seed, stream)
        self._pool = b""

    def token(self, length: int) -> bytes:
        """`length` bytes."""
        if length > len(self._pool):
            self._pool += self._entropy.token(max(POOL, length))
        part, self._pool = self._pool[:length], self._pool[length:]
        return part

    def below(self, limit: int) -> int:
        """An integer in [0, limit)."""
        return int.from_bytes(self.token(3), "big") % limit

    def odds(self, percent: int) -> bool:
        """True in `percent` of a hundred questions."""
        return self.below(100) < percent

    def noise(self) -> bytes:
        """Bytes of no meaning, often of a length that matters."""
        return self.token(LENGTHS[self.below(len(LENGTHS))] if self.odds(70) else self.below(300))

    def damaged(self, good: bytes, others: Sequence[bytes] = ()) -> bytes:
        """`good` after one to four accidents; `others` may be grafted on."""
        for _ in range(1 + self.below(ROUNDS)):
            good = self._accident(good, others)
        return good

    def _accident(self, good: bytes, others: Sequence[bytes]) -> bytes:
        kind, at = self.below(8), self.below(len(good) + 1)
        if kind == 0:
            return good[:at]
        if kind == 1:
            return good[:at] + self.token(1 + self.below(4)) + good[at:]
        if kind == 2:
            return good[:at] + good[at + 1 + self.below(4) :]
        if kind == 3 and others:
            other = others[self.below(len(others))]
            return good[:at] + other[self.below(len(other) + 1) :]
        if kind == 4:
            return good[:at] + good[:at] + good[at:] if len(good) < 600 else good
        if not good:
            return self.token(1)
        at = min(at, len(good) - 1)
        new = INTERESTING[self.below(len(INTERESTING))] if kind == 5 else good[at] ^ 1 << self.below(8)
        return good[:at] + bytes((new,)) + good[at + 1 :]


def pick(inputs: Inputs, among: Sequence[bytes]) -> bytes:
    """One of them."""
    return among[inputs.below(len(among))]


def accepts(entropy: Entropy) -> Entropy:
    """`Inputs` is an `Entropy`: the type checker says so here."""
    return entropy
