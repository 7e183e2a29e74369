"""The twin against a second specification: random conversations until no difference is left to find."""

import pytest

from tests.model import mistakes, play
from tests.model.play import Start

SHARES = 8
COMMANDS = 200_000
LENGTH = 200
CHIPS = (("ssc-2.00", "tunion"),)


@pytest.fixture(scope="module", params=CHIPS, ids="+".join)
def finished(request: pytest.FixtureRequest) -> Start:
    """A card both sides have made together."""
    return play.finished(request.param)


def searched(starts: list[Start], seeds: range, commands: int) -> int:
    """Commands compared; fails with the shortest conversation that differs."""
    done = 0
    for seed in seeds:
        start = starts[seed % len(starts)]
        talk = play.converse(start, seed, LENGTH)
        done += talk.commands
        if talk.difference:
            pytest.fail(play.report(start, talk), pytrace=False)
        if done >= commands:
            return done
    pytest.fail(f"{len(seeds)} conversations had only {done} commands")


@pytest.mark.parametrize("share", range(SHARES))
def test_twin_and_specification_never_part(finished: Start, share: int) -> None:
    young = play.blank(finished.profiles)
    starts = [young, *[finished] * 9]
    seeds = range(share * 1_000_000, (share + 1) * 1_000_000)
    assert searched(starts, seeds, COMMANDS // SHARES) >= COMMANDS // SHARES


@pytest.mark.parametrize("mistake", mistakes.ALL, ids=lambda mistake: mistake.__name__)
def test_every_planted_mistake_is_found_and_shown_in_a_few_steps(mistake: type[mistakes.Mistaken]) -> None:
    """The search can fail: a specification with one rule changed is told from the twin within a share of the commands."""
    start = mistakes.planted(play.finished(CHIPS[0]), mistake)
    done = 0
    for seed in range(1_000):
        talk = play.converse(start, seed, LENGTH)
        done += talk.commands
        if talk.difference:
            break
    assert talk.difference, f"not found in {done} commands"
    assert done <= COMMANDS // SHARES
    steps = play.shortest(start, talk.seed, talk.steps)
    assert play.differs(start, talk.seed, steps)
    assert len(steps) <= mistake.steps
