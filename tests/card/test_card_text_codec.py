"""Editions of Chinese text against another implementation; names split at whole characters."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright._impl._driver import compute_driver_executable

from card.errors import CardDataError, FieldError
from card.text_codec import Edition, NameOnCard, decode, encode, join_name, normalise, split, split_name
from tests.required import missing

NEWEST = Edition.GB18030_2022
WEB_ONLY = 0xA3A0  # web decoders map it to U+3000, the standard does not
DUMP = """
const decoder = new TextDecoder('gb18030', {fatal: true}), found = {};
for (let lead = 0x81; lead <= 0xFE; lead++)
  for (let trail = 0x40; trail <= 0xFE; trail++) {
    if (trail === 0x7F) continue;
    try { found[lead * 256 + trail] = decoder.decode(new Uint8Array([lead, trail])); } catch (refused) {}
  }
console.log(JSON.stringify(found));
"""


def test_two_byte_codes_equal_another_implementation() -> None:
    node = shutil.which("node") or compute_driver_executable()[0]  # the browser driver brings one
    done = subprocess.run([node, "-e", DUMP], capture_output=True, text=True, check=False)
    if done.returncode:
        missing("browser", f"the browser driver does not run: {done.stderr.strip().splitlines()[-1]}")
    theirs = {int(code): text for code, text in json.loads(done.stdout).items()}
    assert len(theirs) > 23_000
    del theirs[WEB_ONLY]
    differing = {
        f"{code:04X}": (text, ours)
        for code, text in theirs.items()
        if (ours := decode(code.to_bytes(2, "big"), NEWEST)) != text
    }
    assert not differing
    assert all(encode(text, NEWEST) == code.to_bytes(2, "big") for code, text in theirs.items() if text not in "•‧・")


@pytest.mark.parametrize(
    ("code", "of_2000", "of_2005", "of_2022"),
    [
        ("A8BC", "\ue7c7", "\u1e3f", "\u1e3f"),
        ("FE59", "\ue81e", "\ue81e", "\u9fb4"),
        ("82359037", "\u9fb4", "\u9fb4", "\ue81e"),
        ("A6D9", "\ue78d", "\ue78d", "\ufe10"),
        ("B0A1", "啊", "啊", "啊"),
        ("95329031", "𠂇", "𠂇", "𠂇"),
    ],
)
def test_editions_differ_where_the_standard_moved_codes(code: str, of_2000: str, of_2005: str, of_2022: str) -> None:
    raw = bytes.fromhex(code)
    editions = (Edition.GB18030_2000, Edition.GB18030_2005, NEWEST)
    assert [decode(raw, edition) for edition in editions] == [of_2000, of_2005, of_2022]
    assert all(
        encode(text, edition) == raw for edition, text in zip(editions, (of_2000, of_2005, of_2022), strict=True)
    )


def test_every_two_byte_code_of_every_edition_comes_back() -> None:
    for edition in Edition:
        for lead in range(0x81, 0xFF):
            for trail in range(0x40, 0xFF):
                raw = bytes((lead, trail))
                try:
                    text = decode(raw, edition)
                except CardDataError:
                    continue
                if text not in ("•", "‧", "・"):
                    assert encode(text, edition) == raw, f"{edition.value} {raw.hex()}"


@pytest.mark.parametrize("dot", ["•", "‧", "・", "·"])
def test_dots_between_parts_of_a_name_become_one(dot: str) -> None:
    name = f"阿凡提{dot}买买提"
    assert normalise(f" {name} ") == "阿凡提·买买提"
    assert encode(name, NEWEST) == "阿凡提".encode("gbk") + bytes.fromhex("A1A4") + "买买提".encode("gbk")


def test_characters_outside_gbk_need_gb18030() -> None:
    with pytest.raises(FieldError):
        encode("𠮷", Edition.GBK, "name")
    assert len(encode("𠮷", NEWEST)) == 4
    with pytest.raises(FieldError):
        encode("a\x00b", NEWEST)
    with pytest.raises(CardDataError):
        decode(b"\x81", NEWEST)


@pytest.mark.parametrize(
    ("name", "first", "rest"),
    [
        ("王小明", 6, 0),
        ("字" * 15, 30, 0),
        ("字" * 16, 30, 2),
        ("a" + "字" * 15, 29, 2),
        ("字" * 14 + "𠮷", 28, 4),
        ("古丽·" + "字" * 22, 30, 20),
        ("A" * 30 + " " + "B" * 19, 30, 20),
        ("A" * 29 + " " + "B" * 5, 30, 5),
    ],
)
def test_names_over_two_records(name: str, first: int, rest: int) -> None:
    halves = split_name(name, NEWEST)
    assert (len(halves.first), len(halves.rest)) == (first, rest)
    assert join_name(halves.first_text, halves.rest_text) == name
    assert decode(halves.first, NEWEST) == halves.first_text


@pytest.mark.parametrize("name", ["字" * 26, "字" * 30, "A" * 51, "", "  ", "a" + "字" * 14 + "𠮷" + "字" * 9])
def test_a_name_that_does_not_fit_names_the_field(name: str) -> None:
    with pytest.raises(FieldError) as refused:
        split_name(name, NEWEST)
    assert (refused.value.code, refused.value.field) == ("E-FIELD", "name")


def test_a_rest_over_twenty_bytes_is_refused_even_when_the_whole_is_fifty() -> None:
    """Contract §5: 29 + 21 bytes are 50 together and still do not fit."""
    name = "a" * 28 + "𠮷" + "b" * 18
    assert len(encode(name, NEWEST)) == 50
    with pytest.raises(FieldError, match="22"):
        split_name(name, NEWEST)


@given(
    st.text(st.characters(codec="gb18030", exclude_categories=("Cc", "Cs", "Co", "Cf", "Zs")), min_size=1, max_size=40)
)
def test_splitting_never_splits_a_character(name: str) -> None:
    first, rest = split(name, NEWEST, 30)
    assert len(first) <= 30
    assert decode(first, NEWEST) + decode(rest, NEWEST) == decode(encode(name, NEWEST), NEWEST)
    if rest:
        assert len(first) + len(encode(decode(rest, NEWEST)[0], NEWEST)) > 30


def test_a_name_does_not_print_itself() -> None:
    assert "王" not in repr(split_name("王小明", NEWEST))
    assert isinstance(split_name("王小明", NEWEST), NameOnCard)
