"""ISO/IEC 9797-1 padding method 2 (`80 00 ..`) and the cards' two habits around it."""

from __future__ import annotations

from keys.errors import PaddingError


def pad80(data: bytes, block: int = 8, *, always: bool = True) -> bytes:
    """`data` followed by 80 and zeros up to a multiple of `block` bytes.

    `always=True` (the purse's MAC rule) adds a whole block to aligned data; `always=False` leaves aligned data as it
    is (the cards' rule for encrypted data, and the dialect of some older purses for MACs).
    """
    if not always and len(data) % block == 0:
        return data
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad80(data: bytes) -> bytes:
    """Inverse of `pad80(always=True)`; raises PaddingError when there is no 80 marker."""
    stripped = data.rstrip(b"\x00")
    if not stripped.endswith(b"\x80"):
        raise PaddingError("no 80 marker at the end")
    return stripped[:-1]
