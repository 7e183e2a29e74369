"""What the card commands say without a card: status words, masks, files, pages."""

import re
from pathlib import Path

import pytest

from card.apdu import SW
from card.errors import AccessDeniedError, PinError, UnexpectedSwError
from terminal.card_check import ITEMS, WORDS
from terminal.card_compare import compare, load_dump
from terminal.card_dump import Line
from terminal.card_errors import DumpFileError, OutFileError
from terminal.card_export import check_free, trimmed, write_new
from terminal.card_mask import mask, personal
from terminal.check.pages import render
from terminal.status_words import explain, status_word_of

ROW = '[{"file": "", "name": "", "zh": "", "en": "", "value": "", "code": "", "hex": "%s"}]'


@pytest.mark.parametrize("word", [*SW, 0x63C2, 0x6110, 0x6C04, 0x62F1, 0x6F42, 0x9ABC, 0x0000])
def test_every_status_word_has_a_name_a_sentence_and_a_next_step(word: int) -> None:
    said = explain(int(word))
    assert said.name.startswith(f"{word:04X}")
    assert re.search("[\u4e00-\u9fff]", said.zh)
    assert all((said.en, said.next_zh, said.next_en))
    unknown = explain(0x0000)
    assert (said.zh == unknown.zh) == (word in (0x9ABC, 0x0000))


def test_a_status_word_is_found_behind_an_error_that_no_longer_carries_it() -> None:
    assert status_word_of(UnexpectedSwError(0x6A82, "select")) == 0x6A82
    assert status_word_of(PinError(2)) == 0x63C2
    assert status_word_of(AccessDeniedError("read")) == 0x6982
    assert "2 tries" in explain(0x63C2).en


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("citizen_no", "460100199001010019", "460***********0019"),
        ("name", "王小明", "王**"),
        ("name", "王", "王*"),
        ("phone", "13900000000", "139****0000"),
        ("pan", "6214990000000000012", "***************0012"),
        ("sex", "1", "*"),
        ("living_address", "海南省海口市示范路一号", "海南省********"),
        ("photo", b"\xff\xd8\xff", "‹3 bytes›"),
        ("skill", {"code": "123", "place": "海口"}, "code=***;place=**"),
        ("skill", "code=123;place=海口", "code=***;place=**"),
        ("phone", "", ""),
    ],
)
def test_masks(name: str, value: object, shown: str) -> None:
    assert mask(name, value) == shown  # type: ignore[arg-type]


def test_what_is_personal() -> None:
    assert personal("SSSE/EF06", "sex")
    assert personal("DF04/EF08:01", "")
    assert personal("EP/0016", "holder_name")
    assert not personal("EP/0015", "serial")
    assert not personal("SSSE/EF05", "version")
    assert personal("SSSE/EF05", "card_no")


def test_files_are_cut_where_they_end() -> None:
    assert trimmed(b"\xff\xd8abc\xff\xd9" + b"\xff" * 9) == b"\xff\xd8abc\xff\xd9"
    assert trimmed(b"\x30\x82\x00\x03abc" + b"\xff" * 9) == b"\x30\x82\x00\x03abc"
    assert trimmed(b"\xff" * 20) == b""
    assert trimmed(b"ab\x00\xff\xff") == b"ab"


def test_a_masked_line_is_never_called_the_same() -> None:
    clear = Line("SSSE/EF06", "name", "姓名", "name", "王小明", "0904CDF5")
    hidden = Line("SSSE/EF06", "name", "姓名", "name", "王**", "‹4 bytes›")
    other = Line("SSSE/EF06", "name", "姓名", "name", "李**", "‹4 bytes›")
    assert compare([clear], [hidden]).hidden == (clear,)
    assert compare([clear], [hidden]).same == 0
    assert [item.kind for item in compare([clear], [other]).differences] == ["value"]
    assert [item.kind for item in compare([clear], []).differences] == ["only_a"]


@pytest.mark.parametrize(
    "content", ["", "null", "[]", "{}", "[{}]", '[{"file": 1}]', "\xff", "[" * 3000, ROW % "zz", ROW % "1"]
)
def test_a_file_that_is_no_dump_is_said_to_be_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(DumpFileError):
        load_dump(tmp_path / "a.json")


def test_no_file_is_asked_for_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for path, force in ((tmp_path / "there", False), (tmp_path / "no" / "folder", True)):
        with pytest.raises(OutFileError):
            check_free([path], force)
    check_free([tmp_path / "there"], True)
    with pytest.raises(OutFileError):
        write_new(tmp_path, b"a folder is no file")


def test_items_are_named_once_and_in_both_languages() -> None:
    names = [item.id for item in ITEMS]
    assert len(set(names)) == len(names)
    assert all(re.search("[\u4e00-\u9fff]", item.zh) and item.en for item in ITEMS)


def test_a_page_escapes_what_a_card_says() -> None:
    row = {"id": "x", "standard": "S", "clause": "<b>", "zh": "甲", "en": "<i>", "result": "fail", "ms": 1}
    row |= {"why_zh": "<script>", "why_en": "&", "evidence": ["<u>"]}
    document = {"at": "2026", "reader": "<r>", "atr": "3B", "version": "2.00", "profile": "", "proven": None}
    summary = dict.fromkeys(WORDS, 0) | {"fail": 1}
    page = render({**document, "write_back": False, "summary": summary, "items": [row]})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "1 项不通过" in page
    assert "td>[lang=en]" in page, "the style sheet itself is not escaped"
