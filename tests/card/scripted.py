"""A channel that answers from a hand-written script: `(command, answer)` in hex, in order, nothing else."""

from collections.abc import Sequence

from card.errors import CardLostError

ATR_2_00 = bytes.fromhex("3B6D000000814E43238697460100000001")


class Script:
    """A `CardChannel` for tests. An answer of "" means the card is pulled; an unexpected command fails the test."""

    def __init__(self, steps: Sequence[tuple[str, str]], atr: bytes = ATR_2_00) -> None:
        self._steps = [(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in steps]
        self._atr = atr
        self.sent: list[bytes] = []
        self.closed = False

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        assert self._steps, f"nothing more was expected, got {apdu.hex()}"
        command, answer = self._steps.pop(0)
        assert apdu == command, f"expected {command.hex()}, got {apdu.hex()}"
        if not answer:
            raise CardLostError("pulled")
        return answer

    def reset(self) -> bytes:
        return self._atr

    def close(self) -> None:
        self.closed = True

    def done(self) -> None:
        """Every step was asked for."""
        assert not self._steps, f"{len(self._steps)} steps were never asked for"


class Function:
    """A `CardChannel` that answers by a function of the command."""

    def __init__(self, answer: "object", atr: bytes = ATR_2_00) -> None:
        self._answer = answer
        self._atr = atr
        self.sent: list[bytes] = []

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        answer = self._answer(apdu)  # type: ignore[operator]
        assert isinstance(answer, bytes)
        return answer

    def reset(self) -> bytes:
        return self._atr

    def close(self) -> None:
        """Nothing to let go of."""
