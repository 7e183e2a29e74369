"""Facts bundles: each refusal by its own name, and nothing is accepted unsigned."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.algorithms.sm2 import Sm2PrivateKey, generate_sm2
from keys.errors import (
    FactsBaseError,
    FactsFormatError,
    FactsKindError,
    FactsRollbackError,
    FactsSignatureError,
    KeysError,
)
from keys.facts import FactsHeader, open_bundle, read_unsigned, seal_bundle

SIGNER = Sm2PrivateKey.from_scalar(bytes(31) + b"\x2a")
ENTRIES = ["0101", "02ff"]


def header(version: int = 5, **changes: Any) -> FactsHeader:
    values: dict[str, Any] = {"kind": "hotlist", "region": "460100", "version": version, "issued_at": 1_000}
    return FactsHeader(**{**values, "max_age_s": 60, **changes})


def sealed(version: int = 5, **changes: Any) -> dict[str, Any]:
    return seal_bundle(SIGNER, header(version, **changes), ENTRIES)


def test_a_bundle_opens_as_mapping_and_as_bytes() -> None:
    bundle = sealed()
    for raw in (bundle, json.dumps(bundle).encode(), json.dumps(bundle, indent=3, ensure_ascii=False).encode()):
        opened = open_bundle(raw, SIGNER.public, kind="hotlist", have_version=4)
        assert opened.header == header() and opened.entries == ENTRIES


def test_age_is_the_callers_question() -> None:
    opened = open_bundle(sealed(), SIGNER.public, kind="hotlist")
    assert not opened.expired(61_000) and opened.expired(61_001)


def test_another_key_is_refused() -> None:
    with pytest.raises(FactsSignatureError):
        open_bundle(sealed(), generate_sm2().public, kind="hotlist")


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "entry added": lambda b: b["entries"].append("03"),
    "entries emptied": lambda b: b.update(entries=[]),
    "version raised": lambda b: b["header"].update(version=6),
    "age raised": lambda b: b["header"].update(max_age_s=61),
    "region": lambda b: b["header"].update(region="460200"),
    "kind": lambda b: b["header"].update(kind="tariff"),
    "signature not hex": lambda b: b.update(signature="zz"),
    "signature not text": lambda b: b.update(signature=7),
    "signature empty": lambda b: b.update(signature=""),
    "signature longer": lambda b: b.update(signature=b["signature"] + "00"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_bundle_is_refused_by_its_signature(name: str) -> None:
    bundle = json.loads(json.dumps(sealed()))
    CHANGES[name](bundle)
    with pytest.raises(FactsSignatureError):
        open_bundle(bundle, SIGNER.public, kind="hotlist")


def test_an_older_version_is_refused_and_the_same_one_is_not() -> None:
    open_bundle(sealed(5), SIGNER.public, kind="hotlist", have_version=5)
    with pytest.raises(FactsRollbackError):
        open_bundle(sealed(5), SIGNER.public, kind="hotlist", have_version=6)


def test_a_difference_needs_its_base() -> None:
    difference = sealed(7, base=6)
    open_bundle(difference, SIGNER.public, kind="hotlist", have_version=6)
    for held in (0, 5):
        with pytest.raises(FactsBaseError):
            open_bundle(difference, SIGNER.public, kind="hotlist", have_version=held)


def test_another_kind_is_refused() -> None:
    with pytest.raises(FactsKindError):
        open_bundle(sealed(), SIGNER.public, kind="trust")


@pytest.mark.parametrize(
    "changes",
    [{"v": 2}, {"kind": "gossip"}, {"version": 0}, {"base": 5}, {"base": -1}, {"max_age_s": -1}, {"version": True}],
    ids=str,
)
def test_a_header_of_another_form_is_neither_sealed_nor_opened(changes: dict[str, Any]) -> None:
    with pytest.raises(FactsFormatError):
        seal_bundle(SIGNER, header(**changes), ENTRIES)
    bundle = sealed()
    with pytest.raises(FactsFormatError):
        open_bundle({**bundle, "header": {**bundle["header"], **changes}}, SIGNER.public, kind="hotlist")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"header": {}, "entries": [], "signature": ""}'])
def test_other_json_is_refused(raw: bytes) -> None:
    for opener in (lambda: open_bundle(raw, SIGNER.public, kind="hotlist"), lambda: read_unsigned(raw)):
        with pytest.raises(FactsFormatError):
            opener()


def test_floats_and_nulls_have_no_canonical_form() -> None:
    for entries in ([1.5], [None], {"a": {1: 2}}):
        with pytest.raises(FactsFormatError):
            seal_bundle(SIGNER, header(), entries)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=200))
def test_rubbish_is_an_error_of_ours(raw: bytes) -> None:
    with pytest.raises(KeysError):
        open_bundle(raw, SIGNER.public, kind="hotlist")
