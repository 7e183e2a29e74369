"""Enrol devices, recognise their requests, hear their heartbeats."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from keys.algorithms.sm3 import sm3
from keys.errors import PublicKeyError
from server.context import Context
from server.database import Session
from server.devices import repository
from server.devices.device import KINDS, Device, Invitation
from server.devices.signature import RequestReplayedError, SignedRequest, load_key
from server.errors import ServerError

CODE_BYTES = 8
SERIAL_BYTES = 3
# How many ways a terminal number may be derived from a device id before we give up.
ATTEMPTS = 8


class DeviceUnknownError(ServerError):
    """No enrolled device of that id or terminal number."""

    code: ClassVar[str] = "E-DEVICE-UNKNOWN"


class DeviceKindError(ServerError):
    """This kind of device may not ask for that."""

    code: ClassVar[str] = "E-DEVICE-KIND"


class EnrolCodeError(ServerError):
    """The one-time code is unknown, used, or for another device."""

    code: ClassVar[str] = "E-ENROL-CODE"


class TerminalNumberError(ServerError):
    """The PSAM's terminal number belongs to another device."""

    code: ClassVar[str] = "E-TERMINAL-NUMBER"


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a device says of itself. `psam_no` 12 hex digits or ""; `public_key` 64 bytes."""

    device_id: str
    kind: str
    operator: str
    site: str
    region: str
    public_key: bytes = field(repr=False)
    one_time_code: str = field(repr=False)
    psam_no: str = ""


def invite(context: Context, session: Session, device_id: str, kind: str, place: tuple[str, str, str]) -> str:
    """A one-time code for `device_id`; `place` = (operator, site, region). Told once, kept only as a hash."""
    code = context.entropy.token(CODE_BYTES).hex()
    keep_invitation(session, code, device_id, kind, place, context.now_ms())
    return code


def keep_invitation(
    session: Session, code: str, device_id: str, kind: str, place: tuple[str, str, str], now_ms: int
) -> None:
    """Accept a code made elsewhere (the first console's, from the configuration)."""
    if kind not in KINDS:
        raise DeviceKindError(kind)
    repository.invite(session, Invitation(sm3(code.encode()), device_id, kind, *place), now_ms)


def enrol(context: Context, session: Session, who: Introduction, request: SignedRequest) -> Device:
    """Take a new device in, or a known one's new key. The request must be signed by the key it brings."""
    try:
        load_key(who.public_key)
    except PublicKeyError as bad:
        raise EnrolCodeError("public key") from bad
    request.check(who.public_key, context.now_ms(), context.config.request_window_s)
    invitation = repository.use_invitation(session, sm3(who.one_time_code.encode()), context.now_ms())
    if invitation is None or (invitation.device_id, invitation.kind) != (who.device_id, who.kind):
        raise EnrolCodeError(who.device_id)
    now = context.now_ms()
    place = (who.operator, who.site, who.region)
    device = Device(who.device_id, "", who.kind, *place, public_key=who.public_key, enrolled_at=now, seen_at=now)
    for number in _numbers(session, who):
        if repository.save(session, replace(device, terminal_no=number)):
            return replace(device, terminal_no=number)
    raise TerminalNumberError(who.psam_no)


def _numbers(session: Session, who: Introduction) -> list[str]:
    if who.psam_no:
        return [who.psam_no]
    known = repository.by_id(session, who.device_id)
    if known is not None:
        return [known.terminal_no]
    tails = [sm3(f"{who.device_id}:{salt}".encode())[:SERIAL_BYTES].hex() for salt in range(ATTEMPTS)]
    return [(who.region + "000000")[:6] + tail for tail in tails]


def recognise(context: Context, session: Session, request: SignedRequest, kinds: tuple[str, ...]) -> Device:
    """The device that signed `request`, of one of `kinds` (() = any). Uses its nonce up."""
    device = repository.by_id(session, request.device_id)
    if device is None:
        raise DeviceUnknownError(request.device_id)
    request.check(device.public_key, context.now_ms(), context.config.request_window_s)
    if not repository.use_nonce(session, device.device_id, request.nonce, context.now_ms()):
        raise RequestReplayedError(device.device_id)
    if kinds and device.kind not in kinds:
        raise DeviceKindError(f"{device.kind} instead of {' or '.join(kinds)}")
    return device


def of_terminal(session: Session, terminal_no: str) -> Device:
    """The device behind a terminal number, or DeviceUnknownError."""
    device = repository.by_terminal(session, terminal_no)
    if device is None:
        raise DeviceUnknownError(terminal_no)
    return device


def hear(context: Context, session: Session, device: Device, facts: dict[str, int], state: dict[str, int]) -> None:
    """A heartbeat: versions held, waiting events, its clock."""
    now = context.now_ms()
    repository.report(session, device.device_id, state | {"seen_at": now})
    for kind, version in facts.items():
        repository.acknowledge(session, device.device_id, kind, version, now)
    # Twice the window: a nonce is forgotten only when its request would be refused for its time anyway.
    repository.forget_nonces(session, now - 2 * context.config.request_window_s * 1000)
