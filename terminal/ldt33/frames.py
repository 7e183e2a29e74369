"""The bytes between the C library and the local service, on the service's side (docs/ldt33.md, terminal/capi/wire.h).

Everything is bounded: a frame has at most 64 KiB, a request at most 16 arguments, a text at most 16 KiB.
"""

import hmac
from dataclasses import dataclass, field

from card import text_codec
from card.errors import CardDataError, FieldError
from terminal.errors import WireFormatError
from terminal.ldt33.codes import Code
from terminal.ldt33.library import CALLERS, Answer, Argument

MAGIC = b"OL33\x01"
NONCE, TOKEN, PROOF = 16, 32, 32
MAX_FRAME, MAX_TEXT, MAX_ARGUMENTS = 65_536, 16_384, 16
HEADING = "onecard-ldt33 1"


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in."""

    name: str
    arguments: tuple[Argument, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """What stands in the token file: a port of this machine and the shared secret of 32 bytes."""

    port: int
    token: bytes = field(repr=False)

    def text(self) -> str:
        return f"{HEADING}\nport {self.port}\ntoken {self.token.hex()}\n"


def proof(token: bytes, side: bytes, hello: bytes, answer: bytes) -> bytes:
    """What `side` (b"C" caller, b"S" service) shows for both nonces."""
    # SHA-256, because every system the C library runs on brings it; no key of a card has anything to do with it.
    return hmac.digest(token, side + hello + answer, "sha256")


def proven(token: bytes, hello: bytes, said: bytes) -> bool:
    """Whether a caller's nonce ‖ proof is of one who read the token file."""
    return hmac.compare_digest(said[NONCE:], proof(token, b"C", hello, said[:NONCE]))


def parse_request(body: bytes) -> Request:
    """WireFormatError for bytes that are no request; CardDataError for text that is no GBK."""
    reader = _Reader(body)
    name = reader.take(reader.byte())
    count = reader.byte()
    if count > MAX_ARGUMENTS:
        raise WireFormatError("too many arguments")
    arguments = tuple(reader.argument() for _ in range(count))
    if reader.left:
        raise WireFormatError("bytes behind the last argument")
    try:
        return Request(name.decode("ascii"), arguments)
    except UnicodeDecodeError as bad:
        raise WireFormatError("name of the function") from bad


def build_request(request: Request) -> bytes:
    """Inverse of `parse_request`, with the length in front."""
    body = bytes([len(request.name)]) + request.name.encode("ascii") + bytes([len(request.arguments)])
    for item in request.arguments:
        if isinstance(item, int):
            body += b"i" + item.to_bytes(4, "big", signed=True)
        else:
            raw = text_codec.encode(item, text_codec.partner_edition(CALLERS), "argument")
            body += b"s" + len(raw).to_bytes(4, "big") + raw
    return len(body).to_bytes(4, "big") + body


def build_answer(answer: Answer) -> bytes:
    """Length ‖ return code ‖ length of text ‖ text. An answer without a code in GBK becomes -15."""
    try:
        code, text = answer.code, answer.encoded
    except FieldError:
        code, text = Code.BAD_INFORMATION, b""
    body = int(code).to_bytes(4, "big", signed=True) + len(text).to_bytes(4, "big") + text
    return len(body).to_bytes(4, "big") + body


class _Reader:
    """Takes bytes off the front; WireFormatError when there are not enough."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise WireFormatError("a request is cut off")
        self._at += length
        return self._body[self._at - length : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def argument(self) -> Argument:
        kind = self.take(1)
        word = self.take(4)
        if kind == b"i":
            return int.from_bytes(word, "big", signed=True)
        length = int.from_bytes(word, "big")
        if kind != b"s" or length > MAX_TEXT:
            raise WireFormatError("kind or length of an argument")
        raw = self.take(length)
        if b"\0" in raw:
            raise CardDataError("argument", "zero byte inside")
        return text_codec.decode(raw, text_codec.partner_edition(CALLERS), "argument")
