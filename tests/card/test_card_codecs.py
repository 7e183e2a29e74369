"""Formats of card data: tables for what the standard says, properties for everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.errors import CardDataError, FieldError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import Field
from card.text_codec import Edition

GBK = Edition.GBK


def field(format_: str, length: int) -> Field:
    return Field("f", "项", "field", format_, length, "A")


@pytest.mark.parametrize(
    ("format_", "length", "value", "raw"),
    [
        ("an", 5, "AB", "4142000000"),
        ("an", 4, "", "00000000"),
        ("an", 4, "中", "D6D00000"),
        ("cn", 3, "460100", "460100"),
        ("cn", 3, "12345", "12345F"),
        ("cn", 2, "", "FFFF"),
        ("date", 4, "20260115", "20260115"),
        ("date", 4, "", "FFFFFFFF"),
        ("time", 3, "083000", "083000"),
        ("datetime", 7, "20260115083000", "20260115083000"),
        ("b", 3, b"\x01\x02", "0102FF"),
        ("dec", 4, 1234, "00001234"),
        ("hex", 4, 2755, "00000AC3"),
        ("hex", 3, 0, "000000"),
    ],
)
def test_values_and_their_bytes(format_: str, length: int, value: Value, raw: str) -> None:
    item = field(format_, length)
    assert codecs.encode(item, value, GBK) == bytes.fromhex(raw)
    if not (format_ == "b" and len(bytes.fromhex(raw)) != len(bytes(value))):  # type: ignore[arg-type]
        assert codecs.decode(item, bytes.fromhex(raw), GBK) == value


@pytest.mark.parametrize(
    ("format_", "length", "value"),
    [
        ("an", 3, "中文"),
        ("an", 3, 5),
        ("an", 3, b"a"),
        ("an", 9, "a\nb"),
        ("an", 9, "𠮷"),
        ("cn", 2, "12345"),
        ("cn", 2, "12A"),
        ("cn", 2, "１２"),
        ("date", 4, "2026011"),
        ("time", 3, "0830"),
        ("b", 1, b"ab"),
        ("b", 1, "ab"),
        ("dec", 1, 100),
        ("hex", 1, 256),
        ("hex", 1, -1),
        ("hex", 1, True),
        ("dec", 2, "12"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(format_: str, length: int, value: Value) -> None:
    with pytest.raises(FieldError) as refused:
        codecs.encode(field(format_, length), value, GBK)
    assert refused.value.code == "E-FIELD"
    assert refused.value.field == "f"


@pytest.mark.parametrize(
    ("format_", "raw"),
    [("cn", "1A34"), ("cn", "F123"), ("dec", "12FF"), ("an", "FF41"), ("an", "8100"), ("date", "20")],
)
def test_damaged_content_is_an_error_not_a_guess(format_: str, raw: str) -> None:
    with pytest.raises(CardDataError):
        codecs.decode(field(format_, 4 if format_ == "date" else 2), bytes.fromhex(raw), GBK)


def test_an_error_never_repeats_the_value() -> None:
    with pytest.raises(FieldError) as refused:
        codecs.encode(field("cn", 2), "secret-110101199003077578", GBK)
    assert "1101" not in str(refused.value)


@given(st.text("0123456789", min_size=1, max_size=24))
def test_digits_round_trip(digits: str) -> None:
    item = field("cn", 12)
    assert codecs.decode(item, codecs.encode(item, digits, GBK), GBK) == digits


@given(st.text(st.characters(codec="gb18030", exclude_categories=("Cc", "Cs", "Co")), max_size=20))
def test_text_round_trips_in_the_newest_edition(text: str) -> None:
    edition, item = Edition.GB18030_2022, field("an", 80)
    dotted = text.translate({ord(dot): "·" for dot in "•‧・"})
    assert codecs.decode(item, codecs.encode(item, dotted, edition), edition) == dotted


@given(st.integers(0, 2**32 - 1))
def test_amounts_round_trip_in_both_forms(amount: int) -> None:
    for item in (field("hex", 4), field("dec", 5)):
        assert codecs.decode(item, codecs.encode(item, amount, GBK), GBK) == amount


@given(st.binary(max_size=40))
def test_any_bytes_decode_or_are_refused_as_card_data(raw: bytes) -> None:
    for format_ in ("an", "cn", "b", "date", "dec", "hex"):
        try:
            codecs.decode(field(format_, len(raw)), raw, Edition.GB18030_2022)
        except CardDataError:
            continue


def test_fields_of_a_file_by_name() -> None:
    fields = (Field("a", "", "", "hex", 2, "A"), Field("b", "", "", "cn", 2, "A"))
    assert codecs.encode_fields(fields, {"a": 258}, GBK) == bytes.fromhex("0102FFFF")
    assert codecs.decode_fields(fields, bytes.fromhex("01021234"), GBK) == {"a": 258, "b": "1234"}
    with pytest.raises(FieldError, match="no such field"):
        codecs.encode_fields(fields, {"c": 1}, GBK)
    with pytest.raises(CardDataError):
        codecs.decode_fields(fields, b"\x00", GBK)
    assert codecs.show(b"\xab") == "AB"
