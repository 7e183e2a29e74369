"""AES key wrap against RFC 3394 (4.1 and 4.6); one changed bit anywhere is refused."""

import pytest

from keys.algorithms.aes_wrap import unwrap, wrap
from keys.errors import KeyLengthError, SignatureError

VECTORS = [
    (
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ),
]


@pytest.mark.parametrize(("kek", "key", "wrapped"), VECTORS)
def test_published_wraps(kek: str, key: str, wrapped: str) -> None:
    assert wrap(bytes.fromhex(kek), bytes.fromhex(key)).hex().upper() == wrapped
    assert unwrap(bytes.fromhex(kek), bytes.fromhex(wrapped)).hex().upper() == key


@pytest.mark.parametrize(("kek", "key", "wrapped"), VECTORS)
def test_every_changed_bit_is_refused(kek: str, key: str, wrapped: str) -> None:
    raw = bytes.fromhex(wrapped)
    for bit in range(8 * len(raw)):
        changed = (int.from_bytes(raw) ^ 1 << bit).to_bytes(len(raw))
        with pytest.raises(SignatureError):
            unwrap(bytes.fromhex(kek), changed)
    with pytest.raises(SignatureError):
        unwrap(bytes.fromhex(kek)[::-1], raw)


def test_lengths() -> None:
    for kek, key in ((bytes(15), bytes(16)), (bytes(16), bytes(15)), (bytes(16), b"")):
        with pytest.raises(KeyLengthError):
            wrap(kek, key)
