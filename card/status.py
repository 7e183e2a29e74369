"""Status word to meaning, once. Sessions call `check`; nobody else looks at a status word."""

from collections.abc import Callable

from card.apdu import SW, CommandApdu, ResponseApdu, is_status_word, sw_name, tries_left
from card.errors import (
    AccessDeniedError,
    CardBlockedError,
    CardDataError,
    CardError,
    CardGarbageError,
    CardMemoryError,
    KeyBlockedError,
    KeyMissingError,
    LineMacError,
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
    SW.KEY_NOT_FOUND: KeyMissingError,
    SW.KEY_INDEX_MISSING: KeyMissingError,
    SW.SM_DATA_MISSING: LineMacError,
    SW.SM_DATA_WRONG: LineMacError,
    SW.MEMORY_FAILURE: CardMemoryError,
}


def send(channel: CardChannel, command: CommandApdu) -> ResponseApdu:
    """One exchange, status word untouched; CardGarbageError for an answer that is none."""
    return _response(channel.transmit(command.to_bytes()))


def tell(channel: CardChannel, command: CommandApdu) -> ResponseApdu:
    """As `send`, where nobody wants the answer's data: over T=0 they are not fetched."""
    # LeavesAnswer, asked the quick way.
    speak: Callable[[bytes], bytes] = getattr(channel, "tell", channel.transmit)
    return _response(speak(command.to_bytes()))


def _response(answer: bytes) -> ResponseApdu:
    if len(answer) < 2:
        raise CardGarbageError("no status word")
    response = ResponseApdu.parse(answer)
    if not is_status_word(response.sw):
        raise CardGarbageError(f"{response.sw:04X} is no status word")
    return response


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
        raise _PLAIN[sw](f"{doing}: {sw_name(sw)}")
    if sw == SW.SECURITY_NOT_SATISFIED:
        raise AccessDeniedError(doing)
    raise UnexpectedSwError(sw, doing, sw_name(sw))


def check_key(sw: int, doing: str) -> None:
    """As `check`, for authentications and protected commands: 6300, 63Cx and 6983 speak of the key there."""
    left = tries_left(sw)
    if sw == SW.METHOD_BLOCKED or left == 0:
        raise KeyBlockedError(f"{doing}: {sw_name(sw)}")
    if sw == SW.AUTHENTICATION_FAILED or left is not None:
        raise AccessDeniedError(doing, left)
    check(sw, doing)


def check_pin(sw: int, doing: str) -> None:
    """As `check`, for VERIFY, CHANGE PIN and reads behind a PIN: 63Cx, 6983 and 6985 speak of the PIN there."""
    left = tries_left(sw)
    if left == 0 or sw == SW.METHOD_BLOCKED:
        raise PinBlockedError(f"{doing}: {sw_name(sw)}")
    if left is not None:
        raise PinError(left)
    if sw == SW.CONDITIONS_NOT_SATISFIED:
        raise PinInitialError(f"{doing}: {sw_name(sw)}")
    check(sw, doing)
