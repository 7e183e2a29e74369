"""Canonical event bytes: golden file, properties, refusals."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.decision import Deny, DenyReason, Grant, Refer, decision_to_json, first_reason
from card.domain.envelope import batch_bytes, facts_bytes, request_bytes
from card.domain.event import EventFormatError, EventId, TapEvent, canonical, parse_event
from card.domain.money import Fen

GOLDEN = json.loads(Path("tests/vectors/event_bytes.json").read_text("utf-8"))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.one_of(st.integers(-(2**53), 2**53), st.booleans(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


def sample(**changes: object) -> TapEvent:
    values: dict[str, object] = {
        "type": "bus",
        "id": EventId("010203040506", "00112233445566aa", 7),
        "at": 1795392000123,
        "facts": {"hotlist": 3, "tariff": 1},
        "credential": {"kind": "purse", "medium": "2016122100001003", "assurance": "purse"},
        "decision": decision_to_json(Grant(Fen(170), "card")),
        "body": {"amount": 170, "holder": "e\u0301", "tac": "3a799633"},
        "prev": "00" * 32,
    }
    return TapEvent(**{**values, **changes})  # type: ignore[arg-type]


def test_golden_bytes() -> None:
    case = GOLDEN["cases"][0]
    assert sample().to_bytes().decode() == case["expect"]
    assert facts_bytes({"v": 1, "kind": "hotlist"}, ["01"]).decode() == GOLDEN["cases"][1]["expect"]
    assert request_bytes("post", "/api/v1/x?a=1", 5, "ab", "cd").decode() == GOLDEN["cases"][2]["expect"]
    assert batch_bytes("010203040506", "00112233445566aa", 1, 9, "ff").decode() == GOLDEN["cases"][3]["expect"]


@given(VALUES)
def test_canonical_is_stable_json(value: object) -> None:
    raw = canonical(value)
    assert canonical(json.loads(raw)) == raw


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_by_name(raw: bytes) -> None:
    with pytest.raises(EventFormatError):
        parse_event(raw)


def test_round_trip_and_strictness() -> None:
    raw = sample().to_bytes()
    assert parse_event(raw).to_bytes() == raw
    for changed in (raw.replace(b'"v":1', b'"v":2'), raw + b" ", raw.replace(b"170", b"170.0", 1), raw[:-1], b"[]"):
        with pytest.raises(EventFormatError):
            parse_event(changed)


@pytest.mark.parametrize("value", [1.5, None, {1: "a"}, {"a": None}, b"x"])
def test_values_without_canonical_form(value: object) -> None:
    with pytest.raises(EventFormatError):
        canonical(value)


def test_nesting_is_bounded() -> None:
    deep: object = 1
    for _ in range(20):
        deep = [deep]
    with pytest.raises(EventFormatError, match="deep"):
        canonical(deep)


def test_reasons_keep_their_precedence() -> None:
    assert first_reason([DenyReason.BALANCE_TOO_LOW, DenyReason.HOTLISTED]) is DenyReason.HOTLISTED
    assert first_reason([]) is None
    assert next(iter(DenyReason)) is DenyReason.FACTS_MISSING
    assert decision_to_json(Deny(DenyReason.EXPIRED)) == {"answer": "deny", "reason": "D-EXPIRED"}
    assert decision_to_json(Refer("R-MINOR-ALONE"))["answer"] == "refer"
