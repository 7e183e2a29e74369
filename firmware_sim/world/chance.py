"""Seeded choices of one world."""

from collections.abc import Sequence
from typing import TypeVar

from card.domain.entropy import SeededEntropy

T = TypeVar("T")


class Chance:
    """The same seed and the same questions give the same answers."""

    def __init__(self, seed: int, stream: str) -> None:
        self._entropy = SeededEntropy(seed, stream)

    def below(self, limit: int) -> int:
        """An integer in [0, limit)."""
        return self._entropy.below(limit)

    def between(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return low + self._entropy.below(high - low + 1)

    def odds(self, percent: int) -> bool:
        """True in `percent` of a hundred questions."""
        return self._entropy.below(100) < percent

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self._entropy.below(len(among))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them, in a new order."""
        left, out = list(items), []
        while left:
            out.append(left.pop(self._entropy.below(len(left))))
        return out
