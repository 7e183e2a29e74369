"""Components and shares: published vectors, commitments, and what too few parts give."""

import json
import secrets
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES, DES3
from Crypto.Hash import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import MnemonicError, combine_mnemonics, shamir

from card.domain.entropy import SeededEntropy
from keys.ceremony import shares
from keys.ceremony.errors import CustodyCardError, PartError, QuorumError
from keys.ceremony.parts import Part, check_value, join, make_key
from keys.ceremony.plan import Scheme
from keys.errors import WellKnownKeyError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "slip39.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_published_shares(case: dict[str, Any]) -> None:
    """The library answers its own standard's vectors; those it must refuse are refused."""
    mnemonics, passphrase = case["input"]["shares"], case["input"]["passphrase"].encode()
    if case["expect"] != "refused":
        assert combine_mnemonics(mnemonics, passphrase).hex() == case["expect"]
    else:
        with pytest.raises(MnemonicError):
            combine_mnemonics(mnemonics, passphrase)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([16, 24, 32]), st.integers(2, 5), st.integers(0, 3))
def test_any_shares_up_to_the_threshold_and_none_below(seed: int, length: int, parts: int, less: int) -> None:
    need = max(2, parts - less)
    secret = SeededEntropy(seed, "secret").token(length)
    made = shares.split(secret, need, parts, SeededEntropy(seed, "shares"))
    assert made == shares.split(secret, need, parts, SeededEntropy(seed, "shares"))
    assert shares.combine(made[-need:]) == secret == shares.combine(made)
    with pytest.raises(QuorumError):
        shares.combine(made[: need - 1])
    with pytest.raises(QuorumError):
        shares.combine([made[0]] * need)


def test_the_library_gets_its_own_chance_back() -> None:
    shares.split(bytes(range(1, 17)), 2, 3, SeededEntropy(1))
    assert shamir.RANDOM_BYTES is secrets.token_bytes


def test_words_of_a_share_never_reach_an_error() -> None:
    made = shares.split(SeededEntropy(3).token(16), 2, 2, SeededEntropy(4))
    wrong = made[1][:-2] + (int.from_bytes(made[1][-2:]) ^ 1).to_bytes(2)
    with pytest.raises(PartError) as caught:
        shares.combine([made[0], wrong])
    shown = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in shown.split() for share in made for word in shares.words(share).split())
    assert caught.value.__suppress_context__
    with pytest.raises(PartError):
        shares.combine([made[0], b"\xff\xff" * 20])


def test_a_component_key_is_the_xor_of_all_and_has_the_check_value_of_another_library() -> None:
    scheme = Scheme("components", 3, 3)
    key, values = make_key(scheme, 16, "x", SeededEntropy(5))
    assert key == bytes(a ^ b ^ c for a, b, c in zip(*values, strict=True)) == join(scheme, values)
    part = Part("C-1", "ssc/IRK", 1, 1, values[0])
    assert (
        check_value("components", "3des", part)
        == DES3.new(values[0], DES3.MODE_ECB).encrypt(bytes(8))[:3].hex().upper()
    )
    mac = CMAC.new(values[0], bytes(16), AES).digest()
    assert check_value("components", "aes", part) == mac[:3].hex().upper()
    with pytest.raises(PartError):
        join(scheme, [values[0], values[1], values[2] + b"x"])
    with pytest.raises(QuorumError):
        join(scheme, values[:2])


@pytest.mark.parametrize("parts", [2, 3, 4, 5])
def test_all_components_but_one_say_nothing(parts: int) -> None:
    """Any key is still possible: for every candidate there is a last component that makes it."""
    _, values = make_key(Scheme("components", parts, parts), 16, "x", SeededEntropy(parts))
    candidate = SeededEntropy(99).token(16)
    last = reduce(lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True)), [candidate, *values[:-1]])
    assert join(Scheme("components", parts, parts), [*values[:-1], last]) == candidate


class OneByte:
    """Chance that has broken."""

    def token(self, length: int) -> bytes:
        return b"\x55" * length


@pytest.mark.parametrize("kind", ["components", "shares"])
def test_broken_chance_makes_no_key(kind: Any) -> None:
    with pytest.raises(WellKnownKeyError):
        make_key(Scheme(kind, 3, 3), 16, "x", OneByte())


def test_a_part_in_a_slot() -> None:
    part = Part("HN-2026-R01", "store/KEK", 3, 5, bytes(range(66)))
    assert Part.from_bytes(part.to_bytes()) == part
    assert len(Part("x" * 32, "y" * 64, 99, 9, bytes(66)).to_bytes()) <= 255
    assert "0102" not in repr(part)
    for bad in (b"", b"OCP1", part.to_bytes()[:-1], part.to_bytes() + b"\0", b"XXXX" + part.to_bytes()[4:]):
        with pytest.raises(CustodyCardError):
            Part.from_bytes(bad)


def test_a_commitment_binds_everything() -> None:
    part = Part("C-1", "store/KEK", 1, 1, bytes(range(16)))
    others = [
        Part("C-2", "store/KEK", 1, 1, part.value),
        Part("C-1", "store/KEX", 1, 1, part.value),
        Part("C-1", "store/KEK", 2, 1, part.value),
        Part("C-1", "store/KEK", 1, 2, part.value),
        Part("C-1", "store/KEK", 1, 1, part.value[:-1] + b"\0"),
    ]
    part.check(part.commitment)
    for other in others:
        with pytest.raises(PartError):
            other.check(part.commitment)
