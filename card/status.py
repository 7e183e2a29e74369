"""Status word to meaning, once. Sessions call `check`; nobody else looks at a status word."""

from card.apdu import SW, CommandApdu, ResponseApdu, tries_left
from card.errors import (
    AccessDeniedError,
    CardBlockedError,
    CardDataError,
    CardError,
    PinBlockedError,
    PinError,
    PinInitialError,
    ProofMissingError,
    PurseFundsError,
    PurseLimitError,
    PurseMacError,
    UnexpectedSwError,
)
from card.wire import CardChannel

_PLAIN: dict[int, type[CardError]] = {
    SW.INSUFFICIENT_FUNDS: PurseFundsError,
    SW.COUNTER_LIMIT: PurseLimitError,
    SW.MAC_WRONG: PurseMacError,
    SW.PROOF_NOT_AVAILABLE: ProofMissingError,
    SW.PERMANENTLY_BLOCKED: CardBlockedError,
    SW.FILE_INVALIDATED: CardBlockedError,
}


def send(channel: CardChannel, command: CommandApdu) -> ResponseApdu:
    """One exchange, status word untouched; CardDataError for an answer without a status word."""
    answer = channel.transmit(command.to_bytes())
    if len(answer) < 2:
        raise CardDataError("answer", "no status word")
    return ResponseApdu.parse(answer)


def ask(channel: CardChannel, command: CommandApdu, doing: str, length: int | None = None) -> bytes:
    """One exchange that must end in 9000; `length` is the exact data length that must come. Raises as `check`."""
    answer = send(channel, command)
    check(answer.sw, doing)
    if length is not None and len(answer.data) != length:
        raise CardDataError(doing, f"{len(answer.data)} bytes, {length} expected")
    return answer.data


def check(sw: int, doing: str) -> None:
    """Nothing for 9000; else the error that says what the status word means. `doing` is for the engineer."""
    if sw == SW.OK:
        return
    if sw in _PLAIN:
        raise _PLAIN[sw](f"{doing}: {sw:04X}")
    if sw == SW.SECURITY_NOT_SATISFIED:
        raise AccessDeniedError(doing)
    raise UnexpectedSwError(sw, doing)


def check_pin(sw: int, doing: str) -> None:
    """As `check`, for VERIFY, CHANGE PIN and reads behind a PIN: 63Cx, 6983 and 6985 speak of the PIN there."""
    left = tries_left(sw)
    if left == 0 or sw == SW.METHOD_BLOCKED:
        raise PinBlockedError(f"{doing}: {sw:04X}")
    if left is not None:
        raise PinError(left)
    if sw == SW.CONDITIONS_NOT_SATISFIED:
        raise PinInitialError(f"{doing}: {sw:04X}")
    check(sw, doing)
