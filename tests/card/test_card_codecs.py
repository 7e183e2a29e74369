"""Formats of card data: tables for what the standard says, properties for everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.errors import CardDataError, FieldError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import Field, RecordEf, RecordField
from card.files.profile import load_profile
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
    back = codecs.decode(item, codecs.encode(item, dotted, edition), edition)
    assert back == ("" if dotted == " " else dotted)  # one blank is what an office writes that has nothing to say


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


UNWRITTEN, EMPTY, FILLED = codecs.Standing.UNWRITTEN, codecs.Standing.EMPTY, codecs.Standing.FILLED


@pytest.mark.parametrize(
    ("format_", "length", "raw", "alone", "in_use"),
    [
        ("an", 4, "00000000", UNWRITTEN, EMPTY),
        ("an", 4, "FFFFFFFF", UNWRITTEN, EMPTY),
        ("an", 4, "20000000", EMPTY, EMPTY),
        ("an", 4, "41000000", FILLED, FILLED),
        ("cn", 3, "FFFFFF", UNWRITTEN, EMPTY),
        ("cn", 3, "000000", FILLED, FILLED),
        ("date", 4, "FFFFFFFF", UNWRITTEN, EMPTY),
        ("date", 4, "00000000", EMPTY, EMPTY),
        ("date", 4, "20260115", FILLED, FILLED),
        ("time", 3, "000000", FILLED, FILLED),
        ("b", 2, "FFFF", UNWRITTEN, EMPTY),
        ("b", 2, "0000", EMPTY, EMPTY),
        ("dec", 4, "00000000", UNWRITTEN, FILLED),
        ("hex", 4, "00000001", FILLED, FILLED),
    ],
)
def test_never_written_is_told_apart_from_empty(
    format_: str, length: int, raw: str, alone: codecs.Standing, in_use: codecs.Standing
) -> None:
    item, value = field(format_, length), bytes.fromhex(raw)
    assert codecs.standing(item, value) is alone
    assert codecs.standing(item, value, in_use=True) is in_use


@pytest.mark.parametrize("format_", ["an", "date", "b"])
def test_the_empty_content_is_not_the_blank_one(format_: str) -> None:
    item = field(format_, 4)
    assert codecs.standing(item, codecs.blank(item)) is UNWRITTEN
    assert codecs.standing(item, codecs.empty(item)) is EMPTY
    assert codecs.decode(item, codecs.empty(item), GBK) in ("", bytes(4))


@pytest.mark.parametrize("format_", ["cn", "time", "dec", "hex"])
def test_formats_in_which_everything_is_a_value_have_no_empty_one(format_: str) -> None:
    with pytest.raises(FieldError):
        codecs.empty(field(format_, 3))


def test_a_name_without_a_second_half_is_empty_there_and_not_unwritten() -> None:
    ef = load_profile("ssc-2.00").file("SSSE", "EF06")
    assert isinstance(ef, RecordEf)
    blanks = [codecs.blank_record(item) for item in ef.records]
    assert set(codecs.standings(ef.records, blanks).values()) == {UNWRITTEN}
    written = [codecs.encode_record(ef.records[1], "王小明", GBK) if n == 1 else raw for n, raw in enumerate(blanks)]
    found = codecs.standings(ef.records, written)
    assert (found["name"], found["name_ext"], found["birth_date"]) == (FILLED, EMPTY, EMPTY)


def skill() -> RecordField:
    ef = load_profile("ssc-2.00").file("DF02", "EF05")
    assert isinstance(ef, RecordEf)
    return ef.by_tag("43:02")


def test_a_constructed_record_is_written_and_read_by_the_names_of_its_parts() -> None:
    record = skill()
    values = {"skill_level": "3", "skill_date": "20180620", "skill_issuer": "鉴定中心"}
    raw = codecs.encode_record(record, values, GBK)
    assert raw[:2] == b"\x43\x6c" and len(raw) == record.size == 0x6E
    assert raw[2:4] == b"\x5a\x07" and raw[11:14] == b"\x5b\x013"
    decoded = codecs.decode_record(record, raw, GBK)
    assert decoded == {"skill_occupation": "", "skill_certificate": "", **values}
    assert codecs.parse(record, codecs.show(decoded)) == decoded
    assert codecs.encode_record(record, codecs.parse(record, "skill_level=3"), GBK)[13:14] == b"3"


@pytest.mark.parametrize(
    "value",
    [{"level": "3"}, "3", 3, {"skill_level": "34"}, {"skill_date": "2018"}, {"skill_level": 3}],
)
def test_a_constructed_value_that_does_not_fit_is_refused(value: Value) -> None:
    with pytest.raises(FieldError):
        codecs.encode_record(skill(), value, GBK)


def test_a_constructed_record_without_data_is_blank_in_every_manner() -> None:
    record = skill()
    for raw in (codecs.blank_record(record), record.header + bytes(0x6C), record.header + b"\xff" * 0x6C):
        assert codecs.decode_record(record, raw, GBK) == dict.fromkeys(
            ("skill_occupation", "skill_level", "skill_issuer", "skill_date", "skill_certificate"), ""
        )
        assert codecs.standing(record, raw[2:]) is UNWRITTEN
    assert codecs.standing(record, codecs.encode_record(record, {"skill_level": "1"}, GBK)[2:]) is FILLED


@pytest.mark.parametrize("damage", ["short", "inner tag", "inner length", "outer"])
def test_a_damaged_constructed_record_is_an_error(damage: str) -> None:
    record = skill()
    raw = bytearray(codecs.encode_record(record, {"skill_level": "1"}, GBK))
    if damage == "short":
        del raw[-1]
    else:
        raw[{"inner tag": 2, "inner length": 3, "outer": 1}[damage]] ^= 1
    with pytest.raises(CardDataError):
        codecs.decode_record(record, bytes(raw), GBK)
