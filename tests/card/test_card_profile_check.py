"""The checker of profiles: every mistake with its line and reason, and no text that it does not survive."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card.files.profile import builtin_names, examine, profile_text
from card.files.spots import spots
from terminal.card_profile import main_profile

SOUND = profile_text("ssc-2.00")
SMALL = """[profile]
name = "mine"
kind = "ssc"
version = "2.00"
text_codec = "gbk"
confidence = "C"

[crypto]
algorithm = "3des"
algorithm_id = 1
mac_iv = "challenge4"
mac_length = 4
diversification = "pboc"

[[dir]]
name = "MF"
fid = "3F00"
confidence = "A"

[[key]]
name = "UK"
dir = "MF"
type = 0x0D
card_kid = 0x04
confidence = "C"

[[file]]
dir = "MF"
fid = "EF05"
kind = "record"
name_zh = "数据"
name_en = "data"
read = "free"
write = "key:UK"
confidence = "C"
[[file.record]]
tag = 0x01
name = "a"
zh = "甲"
en = "a"
format = "an"
length = 2
confidence = "C"
example = { value = "x", hex = "01027800" }

[[file.record]]
tag = 0x02
name = "b"
zh = "乙"
en = "b"
format = "cn"
length = 2
confidence = "C"
example = { value = "12", hex = "020212FF" }
"""


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_small_profile_and_every_one_of_ours_is_sound() -> None:
    assert examine(SMALL, "mine")[1] == ()
    for name in builtin_names():
        profile, problems = examine(profile_text(name), name)
        assert profile is not None and problems == (), name


# (what is written, what is made of it, what the reason says)
MISTAKES = [
    ('kind = "ssc"', 'kind = "sscc"', "kind is one of"),
    ('text_codec = "gbk"', 'text_codec = "utf-8"', "text_codec must be one of"),
    ('algorithm = "3des"', 'algorithm = "des"', "algorithm is not known"),
    ('mac_iv = "challenge4"', 'mac_iv = "zero"', "mac_iv is not known"),
    ("mac_length = 4", 'mac_length = "4"', "not of type int"),
    ('diversification = "pboc"', 'diversificaton = "pboc"', "is it 'diversification'"),
    ('fid = "3F00"', 'fid = "3F0"', "pairs of hex digits"),
    ("card_kid = 0x04", "card_kid = 0x104", "one byte"),
    ('write = "key:UK"', 'write = "key:UKX"', "UKX is not declared"),
    ('read = "free"', 'read = "anyone"', "unknown access proof"),
    ('name = "b"', 'name = "a"', "twice"),
    ("tag = 0x02", "tag = 0x01", "declared twice, in two forms"),
    (
        'length = 2\nconfidence = "C"\nexample = { value = "12"',
        'length = 0\nexample = { value = "12"',
        "length is 1 to",
    ),
    ('format = "cn"', 'format = "bcd"', "format 'bcd'"),
    ('hex = "020212FF"', 'hex = "020212F"', "hex in pairs"),
    ('value = "12"', 'value = "1x"', "digits only"),
    ('kind = "record"', 'kind = "heap"', "heap"),
]
# one statement against another; in one text these would hide one another
CONTRADICTIONS = [
    ('diversification = "pboc"', 'diversification = "sm4"', "diversification of 3des is pboc"),
    ("mac_length = 4", "mac_length = 5", "4 or 8"),
    ('algorithm = "3des"', 'algorithm = "sm4"', "verified"),
    ('read = "free"', 'read = "pin"', "there is no [pin]"),
]


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES + CONTRADICTIONS)
def test_a_mistake_is_named_on_its_own_line(old: str, new: str, says: str) -> None:
    text = SMALL.replace(old, new, 1)
    profile, problems = examine(text, "mine")
    assert profile is None
    found = [item for item in problems if says in item.en]
    assert found, [str(item) for item in problems]
    assert found[0].line == line_of(SMALL, old)
    assert re.search(r"[\u4e00-\u9fff]", found[0].zh)


def test_all_mistakes_are_named_at_once() -> None:
    """Every mistake of the table that can stand beside the others, in one text."""
    alone = ('kind = "record"', 'name = "b"', "tag = 0x02", 'format = "cn"', "length = 2", 'hex = "0202')
    together = [item for item in MISTAKES if not item[0].startswith(alone)]
    text = SMALL
    for old, new, _ in together:
        text = text.replace(old, new, 1)
    _, problems = examine(text, "mine")
    for old, _, says in together:
        assert any(says in item.en and item.line == line_of(SMALL, old) for item in problems), says


def test_a_file_of_an_unknown_kind_is_checked_all_the_same() -> None:
    text = SMALL.replace('kind = "record"', 'kind = "recrd"').replace('format = "cn"', 'format = "bcd"')
    _, problems = examine(text, "mine")
    assert [item.line for item in problems if "bcd" in item.en] == [line_of(SMALL, 'format = "cn"')]


def test_extends_above_the_head_is_one_mistake_and_brings_no_others() -> None:
    head = '[profile]\nname = "mine"\nzh = "试"\nen = "trial"\n'
    profile, problems = examine(f'extends = "ssc-2.00"\n{head}', "mine")
    assert profile is None and [(item.line, item.en) for item in problems] == [(1, "extends belongs under [profile]")]
    assert examine(f'{head}extends = "ssc-2.00"\n', "mine")[1] == ()


def test_syntax_mistakes_are_all_named_and_hide_no_other() -> None:
    text = (
        SMALL.replace('version = "2.00"', 'version = "2.00')
        .replace("[[key]]", "[[key]")
        .replace('read = "free"', 'read = "anyone"')
    )
    _, problems = examine(text, "mine")
    syntax = [item.line for item in problems if item.where == "TOML"]
    assert syntax == [line_of(SMALL, 'version = "2.00"'), line_of(SMALL, "[[key]]")]
    assert any("unknown access proof" in item.en for item in problems)


def test_one_profile_upon_another_names_the_text_that_is_wrong() -> None:
    head = '[profile]\nextends = "ssc-2.00"\nname = "mine"\n'
    wrong = head + 'remove_me = 1\n[[file]]\ndir = "DF01"\nfid = "EF05"\nread = "key:NOBODY"\n'
    _, problems = examine(wrong, "mine.toml")
    assert [(item.source, item.line) for item in problems] == [("mine.toml", 4), ("mine.toml", 8)]
    for text, says in (
        (head.replace("ssc-2.00", "ssc-9.99"), "no profile 'ssc-9.99'"),
        (head.replace('"mine"', '"ssc-2.00"'), "circle"),
        (head.replace('"ssc-2.00"', '["ssc-2.00"]'), "circle"),
        ('remove = ["DF09", 7]\n' + head, "no such thing"),
    ):
        assert any(says in item.en for item in examine(text, "m")[1]), says


def test_parents_in_a_circle_are_seen() -> None:
    text = SMALL.replace('fid = "3F00"', 'fid = "3F00"\nparent = "DF"') + (
        '[[dir]]\nname = "DF"\nfid = "DF01"\nparent = "MF"\nconfidence = "A"\n'
    )
    assert any("circle" in item.en for item in examine(text, "mine")[1])


NONSENSE = [
    "",
    "\x00",
    "]",
    "[[[[",
    "a" * 10_000,
    "a = " + "9" * 5_000,
    "a = 0x" + "F" * 9_000,
    "a = " + "[" * 3_000,
    "a = " + "[" * 60 + "]" * 60,
    "profile = 1\ncrypto = []\ndir = 5\nkey = [1]\nfile = [{}]\nnames = 7\nfactors = 'x'\natr = 0",
    "[profile]\nextends = 5\n[[file]]\nkind = 'record'\nrecord = [1, {items = [2]}]\n",
    "[profile]\nname = 1979-05-27 07:32:00\n[[dir]]\nname = ['a']\nfid = 1.5\n",
    SMALL.replace("length = 2", "length = 999999999999"),
    SMALL.replace("tag = 0x02", "tag = -1"),
    SMALL.replace("tag = 0x02", "tag = 0x" + "F" * 9_000),
    SMALL.replace("[crypto]", "[atr]\ntemplate = '{region.__class__}{x}'\nhistorical_length = -1\n[crypto]"),
    '[profile]\nextends = "ssc-3.00"\nname = "x"\n[[file]]\ndir = "SSSE"\nfid = "EF05"\nrecord = 3\n',
    "a = '''\n" + "\n".join("é" * 9 for _ in range(200)),
]


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_explained_and_survived(text: str) -> None:
    profile, problems = examine(text, "nonsense")
    assert profile is None and problems
    assert all(item.zh and item.en and item.line >= 0 for item in problems)


LINES = SMALL.split("\n")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1),
            st.one_of(
                st.sampled_from(["", "[", "]]", '"', "= 1", "x = {}", "[[file]]", "[profile]", "'''", "fid = [[]]"]),
                st.text(max_size=12),
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_garbled_profile_never_breaks_the_checker(edits: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for number, text in edits:
        cut = len(lines[number]) // 2
        lines[number] = lines[number][:cut] + text
    profile, problems = examine("\n".join(lines), "garbled")
    assert (profile is None) == bool(problems)


def test_the_outline_knows_the_line_of_every_key() -> None:
    outline = spots(SMALL)
    assert outline.keys["crypto"].keys["mac_iv"].line == line_of(SMALL, "mac_iv")
    records = outline.keys["file"].items[0].keys["record"].items
    assert [item.keys["tag"].line for item in records] == [line_of(SMALL, f"tag = 0x0{n}") for n in (1, 2)]
    assert spots('a.b = """\n\\"""x\n"""\nc = 1979-05-27 07:32:00\nd = [1, # x\n 2]').keys["d"].line == 5


def test_the_command_tells_by_its_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, binary = tmp_path / "good.toml", tmp_path / "bad.toml", tmp_path / "binary.toml"
    good.write_text(SMALL, "utf-8")
    bad.write_text(SMALL.replace('read = "free"', 'read = "x"').replace("card_kid = 0x04", "card_kid = 999"), "utf-8")
    binary.write_bytes(b"[profile]\nname = \xff\xfe")
    assert main_profile(["check", str(good)]) == 0
    assert main_profile(["check", "ssc-3.00"]) == 0
    assert "无误" in capsys.readouterr().out
    assert main_profile(["check", str(bad)]) == 1
    told = capsys.readouterr().out
    assert f"{bad}:24:" in told and f"{bad}:33:" in told and "2 mistakes" in told
    assert main_profile(["check", str(binary)]) == 1
    assert f"{binary}:2: UTF-8" in capsys.readouterr().out
    assert main_profile(["check", str(tmp_path)]) == 2
    assert main_profile(["check", str(tmp_path / "none.toml")]) == 2
    capsys.readouterr()
    assert main_profile(["check", str(bad), "--json"]) == 1
    told_json = json.loads(capsys.readouterr().out)
    assert told_json["ok"] is False and len(told_json["problems"]) == 2
    for wrong in ([], ["check"], ["colour"]):
        with pytest.raises(SystemExit) as left:
            main_profile(wrong)
        assert left.value.code == 64


def test_the_list_names_what_is_read_only_and_what_is_unverified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_profile(["list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ssc-1.00"]["read_only"] and not rows["ssc-3.00"]["verified"] and rows["tunion"]["verified"]
    assert main_profile(["list"]) == 0
    assert "ssc-2.00+hainan" in capsys.readouterr().out
