"""Editions of Chinese text against another implementation; names split at whole characters."""

import json
import shutil
import subprocess
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright._impl._driver import compute_driver_executable

from card.errors import CardDataError, FieldError
from card.text_codec import (
    Edition,
    NameOnCard,
    decode,
    encode,
    fit,
    join_name,
    normalise,
    partner_edition,
    split,
    split_name,
    transcode,
)
from server.benefit.dialects.grammar import ENCODINGS
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


# The nineteen codes that editions disagree about: where the character of 2022 is, what it is.
MOVED = {
    0xA6D9: "\ufe10", 0xA6DA: "\ufe12", 0xA6DB: "\ufe11", 0xA6DC: "\ufe13", 0xA6DD: "\ufe14", 0xA6DE: "\ufe15",
    0xA6DF: "\ufe16", 0xA6EC: "\ufe17", 0xA6ED: "\ufe18", 0xA6F3: "\ufe19", 0xA8BC: "\u1e3f", 0xFE59: "\u9fb4",
    0xFE61: "\u9fb5", 0xFE66: "\u9fb6", 0xFE67: "\u9fb7", 0xFE6D: "\u9fb8", 0xFE7E: "\u9fb9", 0xFE90: "\u9fba",
    0xFEA0: "\u9fbb",
}  # fmt: skip
FOUR_BYTES = """
const decoder = new TextDecoder('gb18030'), found = {};
for (let a = 0x81; a <= 0x84; a++) for (let b = 0x30; b <= 0x39; b++)
  for (let c = 0x81; c <= 0xFE; c++) for (let d = 0x30; d <= 0x39; d++) {
    const text = decoder.decode(new Uint8Array([a, b, c, d]));
    if ([...text].length === 1 && text !== '\ufffd') found[((a * 256 + b) * 256 + c) * 256 + d] = text;
  }
console.log(JSON.stringify(found));
"""


@cache
def node_says(script: str) -> dict[int, str]:
    """What Node's decoder makes of every code; the browser driver brings a Node where the machine has none."""
    node = shutil.which("node") or compute_driver_executable()[0]
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=False)
    if done.returncode:
        missing("browser", f"the browser driver does not run: {done.stderr.strip().splitlines()[-1]}")
    return {int(code): text for code, text in json.loads(done.stdout).items()}


def test_two_byte_codes_equal_another_implementation() -> None:
    theirs = {code: text for code, text in node_says(DUMP).items() if code != WEB_ONLY}
    assert len(theirs) > 23_000
    differing = {
        f"{code:04X}": (text, ours)
        for code, text in theirs.items()
        if (ours := decode(code.to_bytes(2, "big"), NEWEST)) != text
    }
    assert not differing
    assert all(encode(text, NEWEST) == code.to_bytes(2, "big") for code, text in theirs.items() if text not in "•‧・")


@pytest.mark.parametrize("code", MOVED, ids=lambda code: f"{code:04X}")
def test_each_of_the_nineteen_codes_against_the_other_implementation(code: int) -> None:
    raw, text = code.to_bytes(2, "big"), MOVED[code]
    assert node_says(DUMP)[code] == text == decode(raw, NEWEST) and encode(text, NEWEST) == raw
    of_2000 = raw.decode("gb18030")  # the language's own codec is that of 2000
    assert of_2000 != text and "\ue000" <= of_2000 <= "\uf8ff"
    assert decode(raw, Edition.GB18030_2000) == of_2000 and encode(of_2000, Edition.GB18030_2000) == raw
    assert decode(raw, Edition.GB18030_2005) == (text if code == 0xA8BC else of_2000)
    with pytest.raises(CardDataError):
        decode(raw, Edition.GBK)
    # what was displaced is not lost: it has the four bytes of the newcomer
    assert decode(encode(of_2000, NEWEST), NEWEST) == of_2000 and len(encode(of_2000, NEWEST)) == 4


def test_nineteen_codes_and_no_others_tell_the_editions_apart() -> None:
    theirs = node_says(DUMP)
    differing = {code for code, text in theirs.items() if code.to_bytes(2, "big").decode("gb18030") != text}
    assert differing - {WEB_ONLY} == set(MOVED)
    assert sum("\u4e00" <= text <= "\u9fff" for text in MOVED.values()) == 8


def test_gbk_is_a_part_of_the_other_implementation() -> None:
    agreeing = 0
    for code, text in node_says(DUMP).items():
        try:
            ours = decode(code.to_bytes(2, "big"), Edition.GBK)
        except CardDataError:
            continue
        assert ours == text, f"{code:04X}"
        agreeing += 1
    assert agreeing == 21_791


def test_four_byte_codes_equal_another_implementation_but_for_the_eighteen_it_keeps() -> None:
    """The other one moved the two-byte codes of 2022 and left the four-byte codes where they were."""
    theirs = node_says(FOUR_BYTES)
    assert len(theirs) > 39_000
    differing = {text for code, text in theirs.items() if decode(code.to_bytes(4, "big"), NEWEST) != text}
    assert differing == set(MOVED.values()) - {"\u1e3f"}


def test_a_third_implementation_agrees_on_the_nineteen() -> None:
    program = shutil.which("iconv")
    if program is None:
        missing("tools", "no iconv here")
    raw = b"".join(code.to_bytes(2, "big") for code in MOVED)
    told = subprocess.run([program, "-f", "GB18030", "-t", "UTF-8"], input=raw, capture_output=True, check=False)
    if told.returncode:
        missing("tools", f"iconv does not know GB18030: {told.stderr.decode(errors='replace').strip()}")
    if any("\ue000" <= character <= "\uf8ff" for character in told.stdout.decode("utf-8")):
        missing("tools", "this iconv is of an edition before 2022: it still answers private codes")
    assert decode(raw, NEWEST) == told.stdout.decode("utf-8")


def test_other_parties_have_a_declared_edition() -> None:
    assert {partner_edition(name) for name in ("ldt33", "applicants", "police")} == {NEWEST}
    assert partner_edition("transit") is Edition.GBK
    # a bank's dialect that says gb18030 means the codec of the language, which is that of 2000
    assert partner_edition("bank") is Edition.GB18030_2000
    assert "gb18030" in ENCODINGS and encode("\u9fb4", Edition.GB18030_2000) == "\u9fb4".encode("gb18030")
    with pytest.raises(KeyError):
        partner_edition("nobody")


def test_between_two_editions_a_character_stays_itself() -> None:
    assert transcode(b"\xfe\x59", NEWEST, Edition.GB18030_2000) == bytes.fromhex("82359037")
    assert transcode("王".encode("gbk"), Edition.GBK, NEWEST) == "王".encode("gbk")
    with pytest.raises(FieldError):
        transcode("𠮷".encode("gb18030"), NEWEST, Edition.GBK)


@pytest.mark.parametrize("room", range(7))
def test_what_fits_is_whole_characters(room: int) -> None:
    raw = fit("a中𠮷", NEWEST, room)
    assert len(raw) <= room and "a中𠮷".startswith(decode(raw, NEWEST))
    assert len(raw) == [0, 1, 1, 3, 3, 3, 3][room]


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


def test_a_short_first_record_is_the_whole_name() -> None:
    assert join_name("王小明", "旧名的剩余") == "王小明"
    assert join_name("字" * 13, "旧") == "字" * 13, "26 bytes: any further character had room"
    assert join_name("字" * 14, "新") == "字" * 14 + "新", "28 bytes: a character of four had none"


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
