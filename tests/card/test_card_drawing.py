"""The pages that draw the card are what the profiles say, and every declared file is on one."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from card.files.kinds import Access
from card.files.profile import Profile
from card.files.tree import fields_of
from terminal.card_drawing import draw, page_name, profiles
from terminal.card_profile import main_profile
from terminal.card_svg import RULES, fitted, rule_of
from tests.tidy.tree import ROOT

DOCS = ROOT / "docs"


def test_the_pages_are_those_the_profiles_make() -> None:
    drifted = [
        name
        for name, content in draw().items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text("utf-8") != content
    ]
    assert not drifted, f"{drifted}: run `onecard card profile draw`"


def test_no_page_is_left_of_a_profile_that_is_gone() -> None:
    made = set(draw())
    kept = {f"{path.relative_to(DOCS)}" for path in [*DOCS.glob("card-*.md"), *DOCS.glob("img/card-*.svg")]}
    by_hand = {"card-commands.md", "card-check.md", "card-tools.md"}
    marked = {name for name in kept if name.endswith(".svg") or "Made by `onecard" in (DOCS / name).read_text("utf-8")}
    assert marked - by_hand <= made


@pytest.mark.parametrize("known", profiles(), ids=lambda profile: profile.name)
def test_every_declared_file_record_and_key_is_on_its_page(known: Profile) -> None:
    """A file that the documents do not declare fails here, whatever made the page."""
    page = (DOCS / f"{page_name(known)}.md").read_text("utf-8")
    headings = set(re.findall(r"^### (\S+)", page, re.MULTILINE))
    assert headings == {ef.path for ef in known.files}
    for ef in known.files:
        section = page.partition(f"### {ef.path} ")[2].partition("\n### ")[0]
        assert all(f"`{item.name}`" in section for item in fields_of(ef)), ef.path
        assert f"read `{ef.read.text}`, write `{ef.write.text}`" in section
    for key in known.keys:
        assert f"| {key.name} | {key.dir} |" in page, key.name
    assert f"({page_name(known)}.md)" in (DOCS / "card.md").read_text("utf-8")


def test_drawings_are_well_formed_and_name_every_file() -> None:
    pages = draw()
    for name, content in pages.items():
        if name.endswith(".svg"):
            words = "".join(ElementTree.fromstring(content).itertext())
            assert "\u0000" not in words
            assert "<script" not in content and "http" not in content.replace("http://www.w3.org/2000/svg", "")
    for profile in profiles():
        drawn = pages[f"img/{page_name(profile)}-tree.svg"]
        for ef in profile.files:
            assert f">{ef.fid.hex().upper()}<" in drawn
        assert all(f">{rule_of(ef.read)}<" not in drawn for ef in profile.files)  # words, not our own names of rules
        assert all(RULES[rule_of(ef.read)][1] in drawn for ef in profile.files)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("free", "free"),
        ("forbidden", "forbidden"),
        ("pin", "pin"),
        ("key:A", "key"),
        ("pin|key:A", "pin|key"),
        ("pin+key:A", "pin+key"),
        ("mac:A", "mac"),
        ("cos", "cos"),
        ("capp", "capp"),
    ],
)
def test_every_kind_of_rule_has_its_mark(text: str, kind: str) -> None:
    assert rule_of(Access.parse(text)) == kind and kind in RULES


def test_long_names_are_shortened_to_their_room() -> None:
    assert fitted("短", 12, 100) == "短"
    assert fitted("很长的名称" * 9, 12, 100).endswith("…")
    assert fitted("ab", 12, 1) == "…"


def test_the_command_finds_a_page_that_drifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_profile(["draw", "--out", str(tmp_path)]) == 0
    assert main_profile(["draw", "--out", str(tmp_path), "--check"]) == 0
    page = tmp_path / "card.md"
    page.write_text(page.read_text("utf-8") + "!", "utf-8")
    capsys.readouterr()
    assert main_profile(["draw", "--out", str(tmp_path), "--check"]) == 1
    assert "card.md" in capsys.readouterr().out
