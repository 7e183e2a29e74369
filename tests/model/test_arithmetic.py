"""Published values pin every standard algorithm on each side: the host's keys, the twin's chip, the specification.

Two programs that share a mistake agree; a value somebody else has printed does not.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import DES

from firmware_sim.card import crypto
from keys.algorithms import mac, sm3, sm4, tdes
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from tests.model import certificate
from tests.model.arithmetic import Sm4, Tdes

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "primitives.json").read_text("utf-8"))["cases"]
Input = Mapping[str, bytes]
DES_FAMILY, SM4_FAMILY = Tdes(), Sm4()


def host_accepts(given: Input) -> bytes:
    """SM2 as the host verifies it: message in, digest made by itself."""
    Sm2PublicKey.from_bytes(given["public"]).verify(given["message"], given["signature"])
    return b"\x01"


def chained_sm4(given: Input) -> bytes:
    """CBC by the specification's own block cipher."""
    state, data = given["iv"], given["data"]
    for at in range(0, len(data), 16):
        block = bytes(a ^ b for a, b in zip(state, data[at : at + 16], strict=True))
        state = SM4_FAMILY.encrypt(given["key"], block)
    return state


SIDES: dict[str, dict[str, Callable[[Input], bytes]]] = {
    "host": {
        "des_ecb": lambda given: tdes.encrypt_ecb(given["key"], given["data"]),
        "des_mac": lambda given: mac.des_cbc_mac(given["key"], given["data"])[:4],
        "retail_mac": lambda given: mac.retail_mac(given["key"], given["data"])[:4],
        "tdes_ecb": lambda given: tdes.encrypt_ecb(given["key"], given["data"]),
        "sm4_ecb": lambda given: sm4.encrypt_ecb(given["key"], given["data"]),
        "sm4_chain": lambda given: sm4.encrypt_cbc(given["key"], given["data"], given["iv"])[-16:],
        "sm3": lambda given: sm3.sm3(given["data"]),
        "sm2_public": lambda given: Sm2PrivateKey.from_scalar(given["scalar"]).public.raw(),
        "sm2_verify": host_accepts,
    },
    # SM2 on the chip is the host's library; the specification below is the second opinion on it.
    "twin": {
        "des_ecb": lambda given: crypto.encrypt(given["key"], given["data"]),
        "des_mac": lambda given: crypto.des_mac(given["key"], given["data"]),
        "retail_mac": lambda given: crypto.retail_mac(given["key"], given["data"]),
        "tdes_ecb": lambda given: crypto.encrypt(given["key"], given["data"]),
        "sm4_ecb": lambda given: crypto.sm4_encrypt(given["key"], given["data"]),
        "sm4_chain": lambda given: crypto.sm4_last_block(given["key"], given["data"], given["iv"]),
        "sm3": lambda given: crypto.sm3(given["data"]),
    },
    "specification": {
        "des_ecb": lambda given: DES.new(given["key"], DES.MODE_ECB).encrypt(given["data"]),
        "des_mac": lambda given: DES_FAMILY.purse_mac(given["key"], given["data"]),
        "retail_mac": lambda given: DES_FAMILY.retail(given["key"], given["data"], bytes(8)),
        "tdes_ecb": lambda given: DES_FAMILY.encrypt(given["key"], given["data"]),
        "sm4_ecb": lambda given: SM4_FAMILY.encrypt(given["key"], given["data"]),
        "sm4_chain": chained_sm4,
        "sm3": lambda given: certificate.digest_of(given["data"]),
        "sm2_public": lambda given: certificate.public_of(given["scalar"]),
        "sm2_verify": lambda given: bytes((certificate.holds(given["public"], given["digest"], given["signature"]),)),
    },
}
PAIRS = [(side, case) for side, known in SIDES.items() for case in CASES if case["op"] in known]


@pytest.mark.parametrize(("side", "case"), PAIRS, ids=[f"{side}-{case['name']}" for side, case in PAIRS])
def test_published_values_pin_every_side(side: str, case: dict[str, Any]) -> None:
    given = {name: bytes.fromhex(value) for name, value in case["input"].items()}
    assert SIDES[side][case["op"]](given) == bytes.fromhex(case["expect"])


def test_every_primitive_is_pinned_on_every_side_and_from_outside() -> None:
    assert all(case["origin"] == "outside" and case["source"] for case in CASES)
    assert {case["op"] for case in CASES} == set(SIDES["host"]) == set(SIDES["specification"])
    assert set(SIDES["host"]) - set(SIDES["twin"]) == {"sm2_public", "sm2_verify"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["op"] in ("tdes_ecb", "sm4_ecb")], ids=lambda c: c["name"]
)
def test_deciphering_undoes_what_was_published(case: dict[str, Any]) -> None:
    key, plain, hidden = (bytes.fromhex(text) for text in (*case["input"].values(), case["expect"]))
    family = SM4_FAMILY if case["op"] == "sm4_ecb" else DES_FAMILY
    host, chip = (sm4, crypto.sm4_decrypt) if case["op"] == "sm4_ecb" else (tdes, crypto.decrypt)
    assert host.decrypt_ecb(key, hidden) == chip(key, hidden) == family.decrypt(key, hidden) == plain


def test_the_chips_signatures_hold_before_the_specification_and_not_over_another_digest() -> None:
    scalar, digest = bytes.fromhex("39" * 32), bytes(range(32))
    signature = Sm2PrivateKey.from_scalar(scalar).sign_digest(digest)
    assert certificate.holds(certificate.public_of(scalar), digest, signature)
    assert not certificate.holds(certificate.public_of(scalar), digest[::-1], signature)
    assert not certificate.holds(certificate.public_of(scalar), digest, signature[32:] + signature[:32])
