"""Padding, MACs and purse formulas beyond their vectors: lengths, off-by-one negatives, dialects."""

import pytest
from Crypto.Cipher import DES, DES3
from hypothesis import given
from hypothesis import strategies as st

from keys import tac
from keys.algorithms import mac, sm4, tdes
from keys.algorithms.padding import pad80, unpad80
from keys.errors import KeyLengthError, PaddingError
from keys.hierarchy import complement, diversify
from keys.kcv import kcv, kcv_public
from keys.tac import Moment

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
TERMINAL = bytes.fromhex("010203040506")
MOMENT = Moment.from_digits("20260115", "083000")


@given(data=st.binary(max_size=64), block=st.sampled_from([8, 16]))
def test_padding_is_undone_and_always_adds(data: bytes, block: int) -> None:
    padded = pad80(data, block)
    assert len(padded) % block == 0 and 1 <= len(padded) - len(data) <= block
    assert unpad80(padded) == data


def test_the_dialect_leaves_aligned_data_alone() -> None:
    assert pad80(bytes(8), always=False) == bytes(8)
    assert pad80(bytes(7), always=False) == bytes(7) + b"\x80"


@pytest.mark.parametrize("data", [b"", bytes(8), b"\x80\x01"])
def test_data_without_a_marker_is_refused(data: bytes) -> None:
    with pytest.raises(PaddingError):
        unpad80(data)


@given(key=st.binary(min_size=8, max_size=8), blocks=st.binary(min_size=8, max_size=8))
def test_single_des_through_equal_keys_is_des(key: bytes, blocks: bytes) -> None:
    assert tdes.encrypt_ecb(key, blocks) == DES.new(key, DES.MODE_ECB).encrypt(blocks)
    assert tdes.decrypt_ecb(key, tdes.encrypt_ecb(key, blocks)) == blocks


@given(data=st.binary(min_size=16, max_size=16), iv=st.binary(min_size=8, max_size=8))
def test_triple_des_agrees_with_another_library(data: bytes, iv: bytes) -> None:
    assert tdes.encrypt_ecb(KEY, data) == DES3.new(KEY, DES3.MODE_ECB).encrypt(data)
    assert tdes.encrypt_cbc(KEY, data, iv) == DES3.new(KEY, DES3.MODE_CBC, iv).encrypt(data)


@given(data=st.binary(min_size=32, max_size=32))
def test_sm4_is_undone(data: bytes) -> None:
    assert sm4.decrypt_ecb(KEY, sm4.encrypt_ecb(KEY, data)) == data
    assert sm4.decrypt_cbc(KEY, sm4.encrypt_cbc(KEY, data)) == data


def test_the_aligned_input_exposes_a_wrong_padding_rule() -> None:
    data = tac.load_tac_input(0x31D3, 3, 0x2710, 2, TERMINAL, MOMENT)
    assert len(data) == 24
    assert tac.tac(KEY, data) != tac.tac(KEY, data, always_pad=False)
    other = tac.purchase_tac_input(200, 9, TERMINAL, 7, MOMENT)
    assert tac.tac(KEY, other) == tac.tac(KEY, other, always_pad=False)


def test_every_member_of_a_tac_matters() -> None:
    genuine = tac.tac(KEY, tac.purchase_tac_input(200, 9, TERMINAL, 7, MOMENT))
    changed = (
        tac.purchase_tac_input(201, 9, TERMINAL, 7, MOMENT),
        tac.purchase_tac_input(199, 9, TERMINAL, 7, MOMENT),
        tac.purchase_tac_input(200, 6, TERMINAL, 7, MOMENT),
        tac.purchase_tac_input(200, 9, TERMINAL[::-1], 7, MOMENT),
        tac.purchase_tac_input(200, 9, TERMINAL, 8, MOMENT),
        tac.purchase_tac_input(200, 9, TERMINAL, 7 + 0x10000, MOMENT),
        tac.purchase_tac_input(200, 9, TERMINAL, 7, Moment.from_digits("20260115", "083001")),
    )
    assert genuine not in {tac.tac(KEY, data) for data in changed}


def test_the_session_key_sees_the_low_half_of_the_terminal_sequence_only() -> None:
    assert tac.purchase_session_input(b"rand", 5, 7) == tac.purchase_session_input(b"rand", 5, 7 + 0x10000)
    assert tac.purchase_session_input(b"rand", 5, 7) != tac.purchase_session_input(b"rand", 5, 8)
    assert tac.load_session_input(b"rand", 5)[-2:] == b"\x80\x00"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: tac.tac(KEY[:8], bytes(8)),
        lambda: tac.load_session_key(KEY, b"abc", 1),
        lambda: tac.purchase_tac_input(1 << 32, 9, TERMINAL, 7, MOMENT),
        lambda: tac.purchase_tac_input(-1, 9, TERMINAL, 7, MOMENT),
        lambda: Moment(b"", b""),
        lambda: tdes.encrypt_ecb(KEY, bytes(7)),
        lambda: tdes.encrypt_ecb(bytes(10), bytes(8)),
        lambda: tdes.encrypt_cbc(KEY, bytes(8), bytes(4)),
        lambda: sm4.encrypt_ecb(bytes(8), bytes(16)),
        lambda: sm4.encrypt_ecb(KEY, bytes(15)),
        lambda: mac.retail_mac(bytes(8), b""),
        lambda: mac.des_cbc_mac(KEY, b""),
        lambda: complement(bytes(7)),
        lambda: diversify("3des", bytes(8), [bytes(8)]),
        lambda: diversify("sm2", KEY, [bytes(8)]),
        lambda: kcv("sm2", KEY),
    ],
)
def test_a_wrong_length_is_an_error_of_ours(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(KeyLengthError):
        wrong()


def test_check_values_have_three_bytes() -> None:
    values = [kcv(name, KEY) for name in ("3des", "sm4", "aes", "hmac-sm3")] + [kcv_public(bytes(64))]
    assert {len(value) for value in values} == {3} and len(set(values)) == 5
