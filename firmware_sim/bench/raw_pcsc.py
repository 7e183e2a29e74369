"""The bare side of the tap: pyscard and nothing else, sending recorded commands to the same readers."""

from collections.abc import Sequence
from typing import Any

from firmware_sim.bench.errors import BenchSkippedError, BenchWrongError
from firmware_sim.bench.tape import Taped

try:
    from smartcard import scard as _scard
except (ImportError, OSError):  # pragma: no cover - depends on the machine
    _scard = None
scard: Any = _scard
OK = [0x90, 0x00]
MORE = 0x61


class RawLoop:
    """Power the card, the recorded commands one after another, let the card go; the module stays powered."""

    def __init__(self, readers: dict[str, str], card: str, first: Sequence[Taped], later: Sequence[Taped]) -> None:
        """`readers`: PC/SC names by slot; `card` is the slot that is powered for each tap. BenchSkippedError."""
        if scard is None:
            raise BenchSkippedError("pyscard is not installed")
        self._readers = readers
        self._card = card
        self._module = next(slot for slot in readers if slot != card)
        self._context = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        self._first = [list(step.command) for step in first if step.slot == self._module]
        self._later = [(step.slot, list(step.command)) for step in later]
        self._handles: dict[str, tuple[int, int]] = {}

    def open_module(self) -> None:
        """Power the module and say to it what comes before the first later tap."""
        self._open(self._module)
        for command in self._first:
            self._transmit(self._module, command)

    def close_module(self) -> None:
        self._close(self._module)

    def tap(self) -> None:
        """BenchWrongError when a command was refused."""
        self._open(self._card)
        for slot, command in self._later:
            answer = self._transmit(slot, command)
            if answer[-2:] != OK and answer[-2] != MORE:
                raise BenchWrongError(f"raw loop: {answer[-2]:02X}{answer[-1]:02X}")
        self._close(self._card)

    def close(self) -> None:
        """Let the daemon go."""
        scard.SCardReleaseContext(self._context)

    def _open(self, slot: str) -> None:
        both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        result, handle, protocol = scard.SCardConnect(
            self._context, self._readers[slot], scard.SCARD_SHARE_EXCLUSIVE, both
        )
        _done((result, None))
        pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
        self._handles[slot] = (handle, pci)

    def _close(self, slot: str) -> None:
        scard.SCardDisconnect(self._handles.pop(slot)[0], scard.SCARD_RESET_CARD)

    def _transmit(self, slot: str, command: list[int]) -> list[int]:
        handle, pci = self._handles[slot]
        result, answer = scard.SCardTransmit(handle, pci, command)
        if result != scard.SCARD_S_SUCCESS:
            raise BenchWrongError(f"raw loop: PC/SC result {result & 0xFFFFFFFF:08X}")
        return list(answer)


class RawCard:
    """One card in one reader: power it, ask for its answer to reset, send commands, let it go."""

    def __init__(self, reader: str, commands: Sequence[bytes]) -> None:
        """BenchSkippedError."""
        if scard is None:
            raise BenchSkippedError("pyscard is not installed")
        self._reader = reader
        self._commands = [list(command) for command in commands]
        self._context = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        self._handle = self._pci = 0

    def open(self) -> None:
        """Power; the answer to reset, which is one of the fields."""
        both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        result, self._handle, protocol = scard.SCardConnect(
            self._context, self._reader, scard.SCARD_SHARE_EXCLUSIVE, both
        )
        _done((result, None))
        _done((scard.SCardStatus(self._handle)[0], None))
        self._pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0

    def borrow(self, handle: int, pci: int) -> None:
        """Speak over a card that somebody else has powered."""
        self._handle, self._pci = handle, pci

    def send(self) -> None:
        """All commands, in order. BenchWrongError when one was refused."""
        for command in self._commands:
            result, answer = scard.SCardTransmit(self._handle, self._pci, command)
            if result != scard.SCARD_S_SUCCESS or (answer[-2:] != OK and answer[-2] != MORE):
                raise BenchWrongError("raw loop: a command was refused")

    def close(self) -> None:
        scard.SCardDisconnect(self._handle, scard.SCARD_RESET_CARD)

    def whole(self) -> None:
        """Power to power."""
        self.open()
        self.send()
        self.close()

    def end(self) -> None:
        """Let the daemon go."""
        scard.SCardReleaseContext(self._context)


def _done(answer: tuple[int, Any]) -> Any:
    if answer[0] != scard.SCARD_S_SUCCESS:
        raise BenchWrongError(f"raw loop: PC/SC result {answer[0] & 0xFFFFFFFF:08X}")
    return answer[1]
