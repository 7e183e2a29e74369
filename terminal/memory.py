"""Small durable values of a device: enrolment, facts, positions."""

from typing import Protocol


class Memory(Protocol):
    """Named values; `put` is durable when it returns."""

    def get(self, name: str) -> bytes | None:
        """The value, or None."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Replace the value."""
        ...


class VolatileMemory:
    """Values that end with the process: worlds and tests."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self._values.get(name)

    def put(self, name: str, value: bytes) -> None:
        self._values[name] = value
