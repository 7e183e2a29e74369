"""The chip's own DES arithmetic against published values and against another library."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.card import crypto
from tests.firmware_sim import oracle

VECTORS = Path(__file__).parents[2] / "vectors"
BLOCKS = st.integers(0, 6).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n))


def cases(name: str, *operations: str) -> list[dict[str, object]]:
    found = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]
    return [case for case in found if case["op"] in operations]


@pytest.mark.parametrize("case", cases("diversification", "diversify_3des"), ids=lambda case: case["name"])
def test_diversification(case: dict[str, dict[str, object]]) -> None:
    key = check = bytes.fromhex(str(case["input"]["key"]))
    for factor in case["input"]["factors"]:  # type: ignore[attr-defined]
        key, check = crypto.diversify(key, bytes.fromhex(factor)), oracle.diversify(check, bytes.fromhex(factor))
    assert key == check == bytes.fromhex(str(case["expect"]))


@pytest.mark.parametrize("case", cases("mac", "retail_mac", "retail_mac4"), ids=lambda case: case["name"])
def test_retail_mac(case: dict[str, dict[str, str]]) -> None:
    key, data, iv = (bytes.fromhex(case["input"][name]) for name in ("key", "data", "iv"))
    assert crypto.retail_mac(key, data, iv) == oracle.retail(key, data, iv) == bytes.fromhex(str(case["expect"]))[:4]


def test_authentication_of_card_md_3_2() -> None:
    key = bytes.fromhex("87D248D5065A20E42A2BB58FFE65F78D")
    session = crypto.session(key, bytes.fromhex("1122334455667788"))
    assert session == bytes.fromhex("3E3EE39B0713B91F")
    assert crypto.encrypt(session, bytes.fromhex("A1A2A3A4A5A6A7A8")) == bytes.fromhex("F7F0AEA9AA6B5C72")
    assert session == oracle.tdes(key, bytes.fromhex("1122334455667788"))


def test_card_identification_mac_of_card_md_3_2() -> None:
    key = bytes.fromhex("87D248D5065A20E42A2BB58FFE65F78D")
    first12 = bytes.fromhex("460100D15600000500000001")
    assert crypto.retail_mac(key, first12) == oracle.retail(key, first12) == bytes.fromhex("EE0B2E61")


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=70), st.binary(min_size=8, max_size=8))
def test_macs_agree_with_another_library(key: bytes, data: bytes, iv: bytes) -> None:
    if key[:8] == key[8:]:  # the other library refuses keys that are single DES in disguise
        return
    assert crypto.des_mac(key[:8], data) == oracle.mac(key[:8], data)
    assert crypto.retail_mac(key, data, iv) == oracle.retail(key, data, iv)


@given(st.binary(min_size=16, max_size=16), BLOCKS)
def test_decrypt_undoes_encrypt(key: bytes, data: bytes) -> None:
    assert crypto.decrypt(key, crypto.encrypt(key, data)) == data


def test_part_blocks_and_odd_keys_are_refused() -> None:
    with pytest.raises(ValueError):
        crypto.encrypt(bytes(16), b"1234567")
    with pytest.raises(ValueError):
        crypto.encrypt(bytes(24), bytes(8))
