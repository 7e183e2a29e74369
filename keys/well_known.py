"""Keys that everybody knows and no store may hold as a secret (keys-and-purse §1.10)."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from keys.errors import WellKnownKeyError

_EXAMPLES: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0123456789ABCDEFFEDCBA9876543210",
        "FEDCBA98765432100123456789ABCDEF",
        "00112233445566778899AABBCCDDEEFF",
        "11223344556677888877665544332211",
        "FFEEDDCCBBAA99887766554433221100",
    )
)
# The example private scalars of GB/T 32918.5 and of OpenSSL's tests.
_EXAMPLE_SCALARS: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8",
        "D09156733017BDAD809FD9BBD8C693F60230593169B6F94AAF1C8EE138CC99B5",
    )
)


def is_well_known(key: bytes) -> bool:
    """One repeated byte, bytes that count up or down by one, a repeated half, or an example of a manual."""
    if len(set(key)) <= 1 or key in _EXAMPLES or key in _EXAMPLE_SCALARS:
        return True
    steps = {(b - a) % 256 for a, b in pairwise(key)}
    if steps in ({1}, {255}):
        return True
    half = len(key) // 2
    return len(key) == 16 and key[:half] == key[half:]


def refuse_well_known(key: bytes, label: str) -> None:
    """Raise WellKnownKeyError (naming the label only) when `is_well_known`."""
    if is_well_known(key):
        raise WellKnownKeyError(f"key offered for {label}")
