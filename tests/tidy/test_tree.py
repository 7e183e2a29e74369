"""The shape of the checkout: agreed top-level names, vectors that name their source, no stray addresses."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tidy.tree import PACKAGES, ROOT

TOP_LEVEL = {
    *PACKAGES,
    *("tests", "docs", "examples", ".ci", ".gitignore", "onecard.py", "pyproject.toml", "Makefile", "LICENSE"),
    *("README.md", "README.zh.md", "DECISIONS.md", "CHANGELOG.md"),
    *("requirements.lock", "requirements-dev.lock", "requirements-pcsc.lock", "requirements-sm2.lock"),
    *("requirements-uv.lock", "requirements-emv.lock"),
}
# Written in pieces or backwards so that this file does not contain what it looks for.
REGISTRIES = ("gro.ipyp", "gro.detsohnohtyp", "gro.sjmpn", "gro.naibed.bed", "mpn.yrtsiger", "nray.yrtsiger")
STRAY = {
    "a path of one machine": re.compile("(?<![\\w.<-])/(wo" + "rk|ro" + "ot|ho" + "me/[a-z]+|Us" + "ers)/"),
    "a registry's address": re.compile("|".join(re.escape(name[::-1]) for name in REGISTRIES), re.I),
    "an issue number": re.compile(r"\b[Ii]ssue" + r"s? #?\d"),
    "an unfinished mark": re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X)\b"),
}
BINARY = {".png", ".bin", ".ico", ".gz", ".ttf", ".woff2", ".jpg"}
ORIGINS = ("outside", "own")


def tracked_files() -> list[str]:
    """Paths git knows; the tests of the shape need a checkout."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def stray_words(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for kind, pattern in STRAY.items():
            found = pattern.search(line)
            if found:
                yield f"{path}:{number}: {kind}: {found.group(0)}"


def vector_faults(name: str, content: Any) -> Iterator[str]:
    """A vector file is {source, origin, cases: [{expect, ...}]}; a case may name its own source and origin."""
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list) or not content["cases"]:
        yield f"{name}: not an object with a list of cases"
        return
    for number, case in enumerate(content["cases"]):
        merged = {"source": content.get("source"), "origin": content.get("origin"), **case}
        if not merged["source"]:
            yield f"{name}: case {number} has no source"
        if merged["origin"] not in ORIGINS:
            yield f"{name}: case {number} has origin {merged['origin']!r}, not one of {ORIGINS}"
        if "expect" not in merged:
            yield f"{name}: case {number} expects nothing"


def test_only_the_agreed_names_stand_at_the_top() -> None:
    extra = {name.partition("/")[0] for name in tracked_files()} - TOP_LEVEL
    assert not extra, f"not an agreed top-level name: {sorted(extra)}"


def test_no_file_speaks_of_one_machine() -> None:
    found = [
        stray
        for name in tracked_files()
        if Path(name).suffix not in BINARY
        for stray in stray_words(name, (ROOT / name).read_text("utf-8", "replace"))
    ]
    assert not found, "\n" + "\n".join(found)


def test_every_vector_says_where_it_comes_from() -> None:
    faults = [
        fault
        for path in sorted((ROOT / "tests/vectors").rglob("*.json"))
        for fault in vector_faults(path.name, json.loads(path.read_text("utf-8")))
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_lock_files_are_hashed_and_hold_no_address() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text("utf-8")
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert "://" not in text, f"{path.name} holds an address"
        assert all("==" in pin and pin.endswith("\\") for pin in pins), f"{path.name}: a line without version or hash"


def test_the_checks_can_fail() -> None:
    assert list(stray_words("a", "see /ro" + "ot/x"))
    assert all(list(stray_words("a", f"https://{name[::-1]}/simple")) for name in REGISTRIES)
    assert not list(stray_words("a", "/usr/bin/env and ./wo" + "rk/ and <checkout>/ho" + "me/ and /workshop"))
    assert list(vector_faults("a", [1]))
    assert len(list(vector_faults("a", {"cases": [{}]}))) == 3
    assert not list(vector_faults("a", {"source": "s", "origin": "own", "cases": [{"expect": 1}]}))
