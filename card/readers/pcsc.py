"""Readers behind PC/SC. The only production file that imports `smartcard`; works with pyscard 2.0.5 and later.

A card is held exclusively from `connect` to `close`, so no other program can slip a command between two of ours, and
it is reset on `close`, so no right of ours is left behind.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from card.channel import CardChannel
from card.errors import (
    CardError,
    CardLostError,
    CardMuteError,
    DaemonMissingError,
    NoCardError,
    ReaderBusyError,
    ReaderLostError,
    ReaderNotFoundError,
)

try:  # pyscard needs a compiler or a system package: a machine may do without readers
    from smartcard import scard as _scard
except (ImportError, OSError):  # pragma: no cover - depends on the machine
    _scard = None
scard: Any = _scard

T = TypeVar("T")
_EXCHANGE_LIMIT_MS = 60_000


def list_readers() -> list[str]:
    """Names of all readers, in the daemon's order; DaemonMissingError when no daemon answers."""
    context = _Context()
    try:
        return context.readers()
    finally:
        context.release()


def find_reader(wanted: str = "") -> str:
    """The reader whose name is, or contains, `wanted`; the first one when `wanted` is empty. ReaderNotFoundError."""
    names = list_readers()
    exact = [name for name in names if name == wanted]
    partial = [name for name in names if wanted.lower() in name.lower()]
    for name in exact or partial:
        return name
    raise ReaderNotFoundError(wanted, names)


class PcscReader:
    """One reader by its PC/SC name. The context to the daemon is opened on first use and renewed when it broke."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held: _Context | None = None

    @property
    def name(self) -> str:
        return self._name

    def connect(self) -> CardChannel:
        """Power the card, exclusively."""
        return self._using(lambda context: _PcscChannel(context, self._name))

    def card_present(self) -> bool:
        """True when a card is in the slot, mute or not."""
        return self._using(lambda context: context.state(self._name, None, 0)[0])

    def wait(self, present: bool, timeout_ms: int) -> bool:
        """Wait for a card to come or to go; False after `timeout_ms`."""
        return self._using(lambda context: _wait(context, self._name, present, timeout_ms))

    def close(self) -> None:
        """Let the context go; the reader may be used again."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def _using(self, work: "Callable[[_Context], T]") -> T:
        """Run `work` on the held context. A context whose daemon went away is replaced once, and let go on failure."""
        held = self._held is not None
        try:
            return work(self._context())
        except (DaemonMissingError, ReaderLostError):
            self.close()
            if not held:
                raise
        try:
            return work(self._context())
        except (DaemonMissingError, ReaderLostError):
            self.close()
            raise

    def _context(self) -> "_Context":
        if self._held is None:
            self._held = _Context()
        return self._held


def _wait(context: "_Context", name: str, present: bool, timeout_ms: int) -> bool:
    deadline = time.monotonic() + timeout_ms / 1000
    there, state = context.state(name, None, 0)
    while there is not present:
        left = int((deadline - time.monotonic()) * 1000)
        if left <= 0:
            return False
        there, state = context.state(name, state, min(left, _EXCHANGE_LIMIT_MS))
    return True


class _Context:
    """A connection to the daemon."""

    def __init__(self) -> None:
        if scard is None:
            raise DaemonMissingError("the PC/SC library for Python (pyscard) is not installed")
        result, self.handle = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if result != scard.SCARD_S_SUCCESS:
            raise DaemonMissingError(f"no PC/SC daemon answers ({_name(result)})")

    def release(self) -> None:
        scard.SCardReleaseContext(self.handle)

    def readers(self) -> list[str]:
        result, names = scard.SCardListReaders(self.handle, [])
        if result == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        _check(result, "list readers")
        return list(names)

    def state(self, reader: str, known: int | None, timeout_ms: int) -> tuple[bool, int]:
        """(a card is in the slot, the state to wait for a change of). Returns the known state when nothing changed."""
        seen = scard.SCARD_STATE_UNAWARE if known is None else known
        result, states = scard.SCardGetStatusChange(self.handle, timeout_ms, [(reader, seen)])
        if result == scard.SCARD_E_TIMEOUT:
            return bool(seen & scard.SCARD_STATE_PRESENT), seen
        _check(result, f"ask the state of {reader}")
        now = states[0][1] & ~scard.SCARD_STATE_CHANGED
        if now & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            raise ReaderLostError(f"{reader} is gone")
        return bool(now & scard.SCARD_STATE_PRESENT), now


class _PcscChannel:
    """A powered card, held exclusively."""

    def __init__(self, context: _Context, reader: str) -> None:
        self._context = context
        self._reader = reader
        both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        self._open = True
        result, self._card, protocol = scard.SCardConnect(context.handle, reader, scard.SCARD_SHARE_EXCLUSIVE, both)
        _check(result, f"connect to the card in {reader}", connecting=True)
        self._speak(protocol)
        self._atr = self._read_atr()

    @property
    def protocol(self) -> str:
        """What the daemon has agreed upon with the chip."""
        return self._protocol

    def _speak(self, protocol: int) -> None:
        self._protocol = "T=1" if protocol == scard.SCARD_PROTOCOL_T1 else "T=0"
        self._pci = scard.SCARD_PCI_T1 if self._protocol == "T=1" else scard.SCARD_PCI_T0

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        result, answer = scard.SCardTransmit(self._card, self._pci, list(apdu))
        if result != scard.SCARD_S_SUCCESS:
            raise self._lost(result)
        if len(answer) < 2:
            raise CardLostError("the card answered without a status word")
        return bytes(answer)

    def reset(self) -> bytes:
        both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        result, protocol = scard.SCardReconnect(self._card, scard.SCARD_SHARE_EXCLUSIVE, both, scard.SCARD_RESET_CARD)
        if result != scard.SCARD_S_SUCCESS:
            raise self._translate(result)
        self._speak(protocol)
        self._atr = self._read_atr()
        return self._atr

    def close(self) -> None:
        """Reset and let go, once; a card that is gone already is no error here."""
        if self._open:
            self._open = False
            scard.SCardDisconnect(self._card, scard.SCARD_RESET_CARD)

    def _read_atr(self) -> bytes:
        result, _, _, _, atr = scard.SCardStatus(self._card)
        if result != scard.SCARD_S_SUCCESS:
            raise self._lost(result)
        return bytes(atr)

    def _lost(self, result: int) -> CardError:
        """The error of a failed exchange; the slot is let go at once, so that the card can be powered again."""
        error = self._translate(result)
        self.close()
        return error

    def _translate(self, result: int) -> CardError:
        """A failed exchange: the card is gone, or the reader with it. The daemon is asked which."""
        if result in _card_gone():
            return CardLostError(f"the card left {self._reader} ({_name(result)})")
        try:
            present, _ = self._context.state(self._reader, None, 0)
        except (ReaderLostError, DaemonMissingError):
            return ReaderLostError(f"{self._reader} is gone ({_name(result)})")
        gone = "the card left" if not present else "the exchange broke in"
        return CardLostError(f"{gone} {self._reader} ({_name(result)})")


def _check(result: int, doing: str, connecting: bool = False) -> None:
    """Nothing for success; else the error a PC/SC result means outside an exchange."""
    if result == scard.SCARD_S_SUCCESS:
        return
    message = f"{doing}: {_name(result)}"
    if result in (scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED, scard.SCARD_E_INVALID_HANDLE):
        raise DaemonMissingError(message)
    if result == scard.SCARD_F_COMM_ERROR and not connecting:
        raise DaemonMissingError(message)
    if result in (scard.SCARD_E_NO_SMARTCARD, scard.SCARD_W_REMOVED_CARD):
        raise NoCardError(message)
    if result == scard.SCARD_E_SHARING_VIOLATION:
        raise ReaderBusyError(message)
    if connecting and result in (
        scard.SCARD_W_UNRESPONSIVE_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_W_UNSUPPORTED_CARD,
        scard.SCARD_E_PROTO_MISMATCH,
    ):
        raise CardMuteError(message)
    raise ReaderLostError(message)


def _card_gone() -> tuple[int, ...]:
    return (
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
    )


def _name(result: int) -> str:
    return f"{result & 0xFFFFFFFF:08X} {scard.SCardGetErrorMessage(result)}"
