"""A request is the device's when its key signed method, path, time, nonce and body, recently and only once."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from card.domain.envelope import request_bytes
from keys.algorithms.sm2 import Sm2PublicKey
from keys.algorithms.sm3 import sm3
from server.errors import ServerError

DEVICE, TIME, NONCE, SIGNATURE = "onecard-device", "onecard-time", "onecard-nonce", "onecard-signature"
NONCE_CHARS = (16, 64)
TIME_DIGITS_MAX = 16


class UnsignedRequestError(ServerError):
    """A header of the signature is missing or malformed; the detail names it."""

    code: ClassVar[str] = "E-REQUEST-UNSIGNED"


class RequestSignatureError(ServerError):
    """The signature is not this device's over this request."""

    code: ClassVar[str] = "E-REQUEST-SIGNATURE"


class RequestTimeError(ServerError):
    """The request's time is outside the window: the device's clock is wrong, or the request is old."""

    code: ClassVar[str] = "E-REQUEST-TIME"


class RequestReplayedError(ServerError):
    """This nonce of this device was used before."""

    code: ClassVar[str] = "E-REQUEST-REPLAYED"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What was signed and by whom. `path` with query; `time_ms` UTC; `nonce` hex; `body` the raw bytes."""

    device_id: str
    time_ms: int
    nonce: str
    signature: bytes
    method: str
    path: str
    body: bytes

    def check(self, public_key: bytes, now_ms: int, window_s: int) -> None:
        """Raises RequestTimeError or RequestSignatureError; the nonce is the store's business."""
        message = request_bytes(self.method, self.path, self.time_ms, self.nonce, sm3(self.body).hex())
        if not load_key(public_key).accepts(message, self.signature):
            raise RequestSignatureError(self.device_id)
        if abs(now_ms - self.time_ms) > window_s * 1000:
            raise RequestTimeError(f"server {now_ms}, request {self.time_ms}")


@lru_cache(maxsize=10_000)
def load_key(raw: bytes) -> Sm2PublicKey:
    """A device key, parsed once."""
    return Sm2PublicKey.from_bytes(raw)


def read_signature(headers: dict[str, str], method: str, path: str, body: bytes) -> SignedRequest:
    """The four headers (lower-case names), or UnsignedRequestError."""
    device, time, nonce = (headers.get(name, "") for name in (DEVICE, TIME, NONCE))
    if not device or len(device) > 64:
        raise UnsignedRequestError(DEVICE)
    if not (time.isascii() and time.isdigit() and len(time) <= TIME_DIGITS_MAX):
        raise UnsignedRequestError(TIME)
    if not NONCE_CHARS[0] <= len(nonce) <= NONCE_CHARS[1] or _bytes(nonce) is None:
        raise UnsignedRequestError(NONCE)
    signature = _bytes(headers.get(SIGNATURE, ""))
    if not signature:
        raise UnsignedRequestError(SIGNATURE)
    return SignedRequest(device, int(time), nonce, signature, method, path, body)


def _bytes(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
