"""Chance is handed in: the only source of randomness besides nonces and keys made inside a cryptographic library."""

import hashlib
import secrets
from typing import Protocol


class Entropy(Protocol):
    """Source of unpredictable (or, in a simulation, seeded) bytes."""

    def token(self, length: int) -> bytes:
        """`length` bytes."""
        ...


class SystemEntropy:
    """The operating system's generator; chosen in `main.py` files only."""

    def token(self, length: int) -> bytes:
        return secrets.token_bytes(length)


class SeededEntropy:
    """Reproducible bytes from a seed, for simulations: not secret and not for keys of a real deployment."""

    def __init__(self, seed: int, stream: str = "") -> None:
        self._prefix = f"onecard-entropy:{seed}:{stream}:".encode()
        self._counter = 0

    def token(self, length: int) -> bytes:
        out = b""
        while len(out) < length:
            out += hashlib.sha256(self._prefix + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        return out[:length]

    def below(self, limit: int) -> int:
        """An integer in [0, limit); the bias of 64 bits against a small limit does not matter to a simulation."""
        if limit <= 0:
            raise ValueError("limit must be positive")
        return int.from_bytes(self.token(8), "big") % limit
