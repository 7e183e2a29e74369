"""Tag-length-value: the simple form of card records and the BER form of FCIs. Depth, count and lengths are bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

from card.errors import TlvError

MAX_DEPTH = 8
MAX_ITEMS = 1024
_CONSTRUCTED = 0x20


@dataclass(frozen=True, slots=True)
class SimpleTlv:
    """Record TLV: tag 1 byte (01-FE), length 1 byte (00-FE), value (card §1.2). `repr` hides the value."""

    tag: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 < self.tag < 0xFF or len(self.value) >= 0xFF:
            raise TlvError("simple TLV has a one-byte tag 01-FE and at most 254 bytes")

    def to_bytes(self) -> bytes:
        return bytes([self.tag, len(self.value)]) + self.value

    def __repr__(self) -> str:
        return f"SimpleTlv({self.tag:02X}, {len(self.value)} bytes)"


def parse_simple(raw: bytes) -> tuple[SimpleTlv, ...]:
    """All items of a run of simple TLVs; TlvError when an item is cut off."""
    items: list[SimpleTlv] = []
    at = 0
    while at < len(raw):
        if at + 2 > len(raw) or at + 2 + raw[at + 1] > len(raw):
            raise TlvError(f"item at {at} is cut off")
        items.append(SimpleTlv(raw[at], raw[at + 2 : at + 2 + raw[at + 1]]))
        at += 2 + raw[at + 1]
    return tuple(items)


def build_simple(items: tuple[SimpleTlv, ...]) -> bytes:
    """Items one after another."""
    return b"".join(item.to_bytes() for item in items)


@dataclass(frozen=True, slots=True)
class Tlv:
    """BER-TLV: `tag` as number (0x84, 0x9F0C); `children` of a constructed one, `value` of a primitive one."""

    tag: int
    value: bytes = b""
    children: tuple["Tlv", ...] = ()

    @property
    def constructed(self) -> bool:
        return bool(tag_bytes(self.tag)[0] & _CONSTRUCTED)

    def to_bytes(self) -> bytes:
        body = b"".join(child.to_bytes() for child in self.children) if self.constructed else self.value
        return tag_bytes(self.tag) + _length_bytes(len(body)) + body

    def find(self, tag: int) -> "Tlv | None":
        """The first item of that tag in depth-first order, this one included."""
        return next((item for item in self.walk() if item.tag == tag), None)

    def walk(self) -> Iterator["Tlv"]:
        """This item, then everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def __repr__(self) -> str:
        inside = f"{len(self.children)} items" if self.constructed else f"{len(self.value)} bytes"
        return f"Tlv({self.tag:X}, {inside})"


def tag_bytes(tag: int) -> bytes:
    """One to three bytes of a tag number."""
    if not 0 < tag <= 0xFFFFFF:
        raise TlvError("tag of one to three bytes only")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def parse_ber(raw: bytes, max_depth: int = MAX_DEPTH) -> tuple[Tlv, ...]:
    """All items of `raw`; TlvError for cut-off items, indefinite lengths, too deep nesting or too many items."""
    budget = [MAX_ITEMS]
    return _parse_level(raw, max_depth, budget)


def _parse_level(raw: bytes, depth: int, budget: list[int]) -> tuple[Tlv, ...]:
    if depth <= 0:
        raise TlvError("nested too deeply")
    items: list[Tlv] = []
    at = 0
    while at < len(raw):
        budget[0] -= 1
        if budget[0] < 0:
            raise TlvError("too many items")
        tag, at = _read_tag(raw, at)
        length, at = _read_length(raw, at)
        if at + length > len(raw):
            raise TlvError(f"item {tag:X} is cut off")
        body = raw[at : at + length]
        at += length
        if tag_bytes(tag)[0] & _CONSTRUCTED:
            items.append(Tlv(tag, b"", _parse_level(body, depth - 1, budget)))
        else:
            items.append(Tlv(tag, body))
    return tuple(items)


def _read_tag(raw: bytes, at: int) -> tuple[int, int]:
    first = raw[at]
    if first == 0:
        raise TlvError("tag 00")
    end = at + 1
    if first & 0x1F == 0x1F:
        while end < len(raw) and raw[end] & 0x80:
            end += 1
        end += 1
    if end > len(raw) or end - at > 3:
        raise TlvError("tag is cut off or longer than three bytes")
    return int.from_bytes(raw[at:end], "big"), end


def _read_length(raw: bytes, at: int) -> tuple[int, int]:
    if at >= len(raw):
        raise TlvError("length is cut off")
    first = raw[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if size not in (1, 2, 3) or at + 1 + size > len(raw):
        raise TlvError("length form is not supported or cut off")
    return int.from_bytes(raw[at + 1 : at + 1 + size], "big"), at + 1 + size


def _length_bytes(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    body = length.to_bytes((length.bit_length() + 7) // 8, "big")
    if len(body) > 3:
        raise TlvError("value too long")
    return bytes([0x80 | len(body)]) + body
