"""Every clause a comment cites can be read: a chapter of docs/, or a public standard by its own clause."""

import re
from collections.abc import Iterator

from tests.tidy.test_tree import BINARY, tracked_files
from tests.tidy.tree import ROOT

PAGES = ("docs/standards.md", "docs/contract.md")
CHAPTER = r"card|keys-and-purse|qr-and-acceptance|business-rules|contract"
NUMBER = r"\d+(?:\.\d+)*"
# A citation and what follows it: "card §1.4 (records), §1.5 and §2.1 to §2.3".
CITATION = re.compile(
    rf"\b({CHAPTER}) (§{NUMBER}(?:(?: no\. \d+| \([^()]*\)| V\d)?(?:,| and|, and| to) §{NUMBER})*)", re.IGNORECASE
)
CLAUSE = re.compile(rf"(?:ISO/IEC|LD/T|GB/T|GB|JT/T|JR/T|RFC|NIST)[\w ./-]* §{NUMBER}")
HEADING = re.compile(rf"^#+ ({CHAPTER}) §({NUMBER})\b", re.MULTILINE)
PLACEHOLDER = "§n"


def headings(*pages: str) -> set[tuple[str, str]]:
    """(chapter, number) of every section, and of every number that has sections below it."""
    found = {(match[1], match[2]) for page in pages for match in HEADING.finditer(page)}
    return found | {(chapter, number.rpartition(".")[0]) for chapter, number in found if "." in number}


def unresolved(path: str, text: str, known: set[tuple[str, str]]) -> Iterator[str]:
    """Citations without a section, and section signs that belong to no known name."""
    for line_number, line in enumerate(text.splitlines(), 1):
        for match in CITATION.finditer(line):
            for number in re.findall(NUMBER, re.sub(r"\([^()]*\)|no\. \d+|V\d", "", match[2])):
                if (match[1].lower(), number) not in known:
                    yield f"{path}:{line_number}: {match[1]} §{number} is in no page of docs/"
        rest = CLAUSE.sub("", CITATION.sub("", line)).replace(PLACEHOLDER, "")
        if "§" in rest:
            yield f"{path}:{line_number}: whose section? {line.strip()[:80]}"


def test_every_citation_leads_somewhere() -> None:
    known = headings(*((ROOT / page).read_text("utf-8") for page in PAGES))
    lost = [
        fault
        for name in tracked_files()
        if (ROOT / name).suffix not in BINARY and name not in (*PAGES, "tests/tidy/test_citations.py")
        for fault in unresolved(name, (ROOT / name).read_text("utf-8"), known)
    ]
    assert not lost, "\n" + "\n".join(lost)


def test_the_checks_can_fail() -> None:
    known = headings("## card §1.2 Records\n### contract §4 Hotlist\n")
    assert known == {("card", "1.2"), ("card", "1"), ("contract", "4")}
    good = "(card §1.2, A); Contract §4; card §1 and §1.2 (records); ISO/IEC 7816-4 §5.1; `card §n`"
    assert not list(unresolved("a.py", good, known))
    for bad in ("card §1.3", "card §1.2 and §9", "see §2.2", "notes.md §4"):
        assert list(unresolved("a.py", bad, known)), bad
