"""The port to a reader slot; the real one is PC/SC, the simulated one the same PC/SC or a direct line in tests."""

from typing import Protocol

from card.channel import CardChannel


class Reader(Protocol):
    """One slot.

    `connect` powers the card and gives its channel: NoCardError, CardMuteError, ReaderBusyError, ReaderLostError,
    DaemonMissingError. `card_present` and `wait` raise ReaderLostError or DaemonMissingError when there is no slot any
    more; `wait` returns False when `timeout_ms` passed first.
    """

    @property
    def name(self) -> str: ...

    def connect(self) -> CardChannel: ...

    def card_present(self) -> bool: ...

    def wait(self, present: bool, timeout_ms: int) -> bool: ...
