"""Every vector holds in our code; every vector of our own making also holds in an independent formula."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from card.pin import Pin
from keys import hierarchy, kcv, tac
from keys.algorithms import mac, sm4
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from keys.algorithms.sm3 import hmac_sm3, sm3
from keys.certificate import CardCertificate, CertificatePins, digest_of
from keys.code.errors import CodeError
from keys.code.trust_list import RootKey, TrustList
from keys.code.verify import verify_code
from keys.families import family_of
from keys.tac import Moment
from tests.keys import oracle
from tests.keys.oracle import Input

VECTORS = Path(__file__).parents[1] / "vectors"
FILES = ("purse", "diversification", "kcv", "mac", "sm3", "sm4", "sm2", "code", "card_family")
FIELDS = {"name", "op", "input", "expect", "origin", "source"}


def _b(v: Input, name: str) -> bytes:
    return bytes.fromhex(v[name])


def _moment(v: Input) -> Moment:
    return Moment.from_digits(v["date"], v["time"])


def _load_mac2(v: Input) -> bytes:
    data = tac.load_mac2_input(v["amount"], v["kind"], _b(v, "terminal"), _moment(v))
    return tac.purse_mac(_b(v, "session"), data)


def _load_tac(v: Input) -> bytes:
    moment = _moment(v)
    data = tac.load_tac_input(v["balance"], v["seq"], v["amount"], v["kind"], _b(v, "terminal"), moment)
    return tac.tac(_b(v, "key"), data)


def _unload_mac3(v: Input) -> bytes:
    data = tac.unload_mac3_input(v["balance"], v["seq"], v["amount"], 3, _b(v, "terminal"), _moment(v))
    return tac.purse_mac(_b(v, "session"), data)


def _purchase_tac(v: Input) -> bytes:
    terminal, moment = _b(v, "terminal"), _moment(v)
    return tac.tac(_b(v, "key"), tac.purchase_tac_input(v["amount"], v["kind"], terminal, v["terminal_seq"], moment))


def _sm2_verify(v: Input) -> str:
    key = Sm2PublicKey.from_bytes(_b(v, "public"))
    return "accept" if key.accepts(_b(v, "message"), _b(v, "signature"), _b(v, "id")) else "refuse"


def _code_verify(v: Input) -> str:
    root = RootKey(1, "01010000", "1235", Sm2PublicKey.from_bytes(_b(v, "root")))
    trust = TrustList.from_entries([root.to_entry()])
    try:
        return verify_code(_b(v, "code"), trust, v["now"] * 1000).account
    except CodeError as error:
        return error.code


def _keys_of(v: Input) -> list[bytes]:
    return [bytes.fromhex(text) for text in v["factors"]]


OURS: dict[str, Callable[[Input], bytes | str]] = {
    "load_session_key": lambda v: tac.load_session_key(_b(v, "key"), _b(v, "random"), v["seq"]),
    "purchase_session_key": lambda v: tac.purchase_session_key(
        _b(v, "key"), _b(v, "random"), v["seq"], v["terminal_seq"]
    ),
    "load_mac1": lambda v: tac.purse_mac(
        _b(v, "session"), tac.load_mac1_input(v["balance"], v["amount"], v["kind"], _b(v, "terminal"))
    ),
    "load_mac2": _load_mac2,
    "load_tac": _load_tac,
    "purchase_mac1": _load_mac2,
    "purchase_mac2": lambda v: tac.purse_mac(_b(v, "session"), tac.purchase_mac2_input(v["amount"])),
    "purchase_tac": _purchase_tac,
    "tac_key": lambda v: tac.tac_key(_b(v, "key")),
    "diversify_3des": lambda v: hierarchy.diversify("3des", _b(v, "key"), _keys_of(v)),
    "diversify_sm4": lambda v: hierarchy.diversify("sm4", _b(v, "key"), _keys_of(v)),
    "session_key": lambda v: hierarchy.session_key("3des", _b(v, "key"), _b(v, "process")),
    "authenticate": lambda v: hierarchy.authentication_cryptogram(_b(v, "key"), _b(v, "process"), _b(v, "original")),
    "session_key_sm4": lambda v: hierarchy.session_key("sm4", _b(v, "key"), _b(v, "process")),
    "authenticate_sm4": lambda v: family_of("sm4").cryptogram(_b(v, "key"), _b(v, "process"), _b(v, "original")),
    "transport_sm4": lambda v: family_of("sm4").transport_cryptogram(_b(v, "key"), _b(v, "challenge")),
    "transport_3des": lambda v: family_of("3des").transport_cryptogram(_b(v, "key"), _b(v, "challenge")),
    "sm4_mac": lambda v: family_of("sm4").mac(_b(v, "key"), bytes.fromhex(v.get("iv", "")), _b(v, "data"))[:4],
    "purse_session_sm4": lambda v: tac.session_key(_b(v, "key"), _b(v, "input"), "sm4"),
    "unload_mac3": _unload_mac3,
    "certificate_pin": lambda v: CertificatePins().proof(Pin(v["pin"]), _b(v, "challenge")),
    "sm2_certificate": lambda v: CardCertificate.parse(_b(v, "der")).public,
    "sm2_digest": lambda v: digest_of(_b(v, "message"), _b(v, "public"), _b(v, "id")),
    "retail_mac": lambda v: mac.retail_mac(_b(v, "key"), _b(v, "data"), _b(v, "iv")),
    "retail_mac4": lambda v: mac.retail_mac(_b(v, "key"), _b(v, "data"), _b(v, "iv"))[:4],
    "kcv_3des": lambda v: kcv.kcv("3des", _b(v, "key")),
    "kcv_sm4": lambda v: kcv.kcv("sm4", _b(v, "key")),
    "cmac_aes": lambda v: mac.cmac_aes(_b(v, "key"), _b(v, "data")),
    "cmac_sm4": lambda v: mac.cmac_sm4(_b(v, "key"), _b(v, "data")),
    "sm3": lambda v: sm3(_b(v, "data")),
    "hmac_sm3": lambda v: hmac_sm3(_b(v, "key"), _b(v, "data")),
    "sm4_ecb": lambda v: sm4.encrypt_ecb(_b(v, "key"), _b(v, "data")),
    "sm4_cbc": lambda v: sm4.encrypt_cbc(_b(v, "key"), _b(v, "data"), _b(v, "iv")),
    "sm2_public": lambda v: Sm2PrivateKey.from_scalar(_b(v, "scalar")).public.raw(),
    "sm2_verify": _sm2_verify,
    "code_verify": _code_verify,
}


def _cases(names: tuple[str, ...] = FILES) -> Iterator[Any]:
    for name in names:
        for case in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]:
            yield pytest.param(case, id=f"{name}: {case['name']}")


def _plain(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", list(_cases()))
def test_our_code_gives_the_expected_value(case: dict[str, Any]) -> None:
    assert _plain(OURS[case["op"]](case["input"])).lower() == case["expect"].lower()


@pytest.mark.parametrize("case", [case for case in _cases() if case.values[0]["origin"] == "own"])
def test_an_independent_formula_gives_it_too(case: dict[str, Any]) -> None:
    assert _plain(oracle.FORMULAS[case["op"]](case["input"])).lower() == case["expect"].lower()


def test_every_vector_of_this_floor_names_its_source_and_origin() -> None:
    for case in _cases():
        row = case.values[0]
        assert set(row) == FIELDS, case.id
        assert row["source"].strip() and row["origin"] in ("outside", "own"), case.id


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.name)
def test_every_vector_file_names_a_source_for_every_entry(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    assert document["cases"]
    for case in document["cases"]:
        assert case.get("source", document.get("source", "")).strip(), case["name"]
        assert case.get("origin", document.get("origin")) in ("outside", "own"), case["name"]
        assert case["expect"] not in ("", None), case["name"]


def test_the_oracle_imports_nothing_of_ours() -> None:
    text = (Path(__file__).parent / "oracle.py").read_text("utf-8")
    assert "from keys" not in text and "import keys" not in text


def test_the_page_lists_exactly_our_own_vectors() -> None:
    page = (VECTORS.parents[1] / "docs" / "vectors.md").read_text("utf-8")
    listed = [line.split(" | ")[:2] for line in page.splitlines() if line.startswith("| ") and "file |" not in line]
    own = [
        [f"| {name}", case.values[0]["name"]]
        for name in sorted(FILES)
        for case in _cases((name,))
        if case.values[0]["origin"] == "own"
    ]
    assert listed == own
