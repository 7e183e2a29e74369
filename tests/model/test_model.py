"""The twin against a second specification: random conversations until no difference is left to find."""

import re
from pathlib import Path

import pytest

from card.files.profile import builtin_names, load_profile
from tests.model import mistakes, module, module_search, play, search, spec

COMMANDS = 200_000
MODULE_COMMANDS = 20_000
ENOUGH_FOR_ALL = 25
# What a search that tries everything must have heard at least once (docs/card-commands.md, 2).
# 6581 needs a broken memory.
WORDS = (
    "9000 61xx 6283 63Cx 6700 6882 6901 6981 6982 6983 6984 6985 6986 6987 6988 6A80 6A81 6A82 6A83 6A84 6A86 6A88 "
    "6B00 6Cxx 6D00 6E00 9302 9303 9401 9402 9403 9406"
)


@pytest.mark.parametrize(("share", "profiles"), search.CHIPS, ids=[p[0] for _, p in search.CHIPS])
def test_twin_and_specification_never_part(share: int, profiles: tuple[str, ...]) -> None:
    wanted = COMMANDS * share // 100
    done, heard, report = search.search(profiles, wanted)
    if report:
        pytest.fail(report, pytrace=False)
    assert done >= wanted
    if share >= ENOUGH_FOR_ALL:
        assert not set(WORDS.split()) - set(heard)


def test_every_card_profile_is_searched() -> None:
    searched = {name.split("+")[0] for _, profiles in search.CHIPS for name in profiles}
    cards = {name for name in builtin_names() if load_profile(name).kind != "psam"}
    assert searched == cards
    assert sum(share for share, _ in search.CHIPS) == 100


@pytest.mark.parametrize("mistake", mistakes.ALL, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_found_and_shown_in_a_few_steps(mistake: type[mistakes.Mistaken]) -> None:
    """The search can fail: a specification with one rule changed is told from the twin, in a replayable proof."""
    start = mistakes.planted(search.starts(("ssc-2.00", "tunion"))[1], mistake)
    talk = next(talk for seed in range(300) if (talk := play.converse(start, seed, search.LENGTH)).difference)
    steps = play.shortest(start, talk.seed, talk.steps)
    assert play.differs(start, talk.seed, steps)
    assert len(steps) <= mistake.steps


def test_psam_and_specification_never_part() -> None:
    done, report = module_search.search(MODULE_COMMANDS)
    if report:
        pytest.fail(report, pytrace=False)
    assert done >= MODULE_COMMANDS


def test_a_module_that_forgets_wrong_macs_is_told_from_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRONG_MACS", 4)
    assert module_search.search(MODULE_COMMANDS)[1]


def test_the_specification_has_the_pages_table() -> None:
    """Every line of docs/card-commands.md, 5: class, instruction, states; nothing more."""
    page = (Path(__file__).parents[2] / "docs" / "card-commands.md").read_text("utf-8")
    told: dict[tuple[int, int], str] = {}
    for line in page.partition("## 5. Commands")[2].partition("## 6.")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) < 5:
            continue
        heads, states = re.findall(r"\b([0-9A-F]{2}) ([0-9A-F]{2})\b", cells[1]), cells[2].split(", ")
        for place, (cla, ins) in enumerate(heads):
            told[int(cla, 16), int(ins, 16)] = states[min(place, len(states) - 1)]
    assert told == {key: row.states for key, row in spec.TABLE.items()}
