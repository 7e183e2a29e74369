"""The barrier, as a gate's errand sees it."""

from typing import Protocol


class Barrier(Protocol):
    """One arm or flap. Opening is the irreversible act of a gate."""

    def open(self) -> None:
        """Let one person through. BarrierError when the device did not confirm."""
        ...

    def is_open(self) -> bool:
        """What the device says now. BarrierError when it does not answer."""
        ...

    def shut(self) -> None:
        """Close; also after power-up, since relays may latch. BarrierError when not confirmed."""
        ...
