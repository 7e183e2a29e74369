"""The one protocol everything that carries APDUs fulfils: bytes in, bytes out. Others import it from `card.channel`."""

from typing import Protocol, runtime_checkable


class CardChannel(Protocol):
    """One power-on session with one chip.

    `transmit` sends a command and returns data ‖ SW1 SW2; it raises CardLostError or ReaderLostError. `reset` gives the
    new ATR after a warm reset; every right is gone then.
    """

    @property
    def atr(self) -> bytes: ...

    def transmit(self, apdu: bytes) -> bytes: ...

    def reset(self) -> bytes: ...

    def close(self) -> None: ...


@runtime_checkable
class LeavesAnswer(Protocol):
    """A channel that can leave a waiting answer (61xx, T=0) on the card: one exchange less where nobody wants it."""

    def tell(self, apdu: bytes) -> bytes: ...


@runtime_checkable
class SpeaksProtocol(Protocol):
    """A channel that knows by which protocol the reader talks to the chip: `T=0`, `T=1`."""

    @property
    def protocol(self) -> str: ...
