"""The search itself: many conversations with several kinds of chips. Also by hand:

python -m tests.model.search --commands 200000 [--seed 0] [--chip ssc-3.00,tunion-sm4]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache

from tests.model import module_search, play
from tests.model.play import Start, Talk

LENGTH = 300
# Share of the commands, profiles on the chip. Every profile of a card is on one of them.
CHIPS = (
    (25, ("ssc-2.00", "tunion")),
    (10, ("ssc-2.00-basic", "tunion")),
    (25, ("ssc-2.00+hainan", "tunion", "cityunion", "pboc-debit")),
    (15, ("ssc-1.00", "tunion")),
    (25, ("ssc-3.00", "tunion-sm4", "pboc-debit")),
)
ROUND = 10  # conversations: one with a blank chip, one with a worn one, eight with a finished one
DONE, DIFFERENT = 0, 1


@cache
def starts(profiles: tuple[str, ...]) -> tuple[Start, Start, Start]:
    """(a blank chip, a finished one, one at the end of its counters)."""
    grown = play.finished(profiles)
    return play.blank(profiles), grown, play.worn(grown)


def talks(profiles: tuple[str, ...], first_seed: int) -> Iterator[tuple[Start, Talk]]:
    """Conversations with chips of one kind, without end."""
    young, grown, old = starts(profiles)
    seed = first_seed
    while True:
        start = {0: young, 1: old}.get(seed % ROUND, grown)
        yield start, play.converse(start, seed, LENGTH)
        seed += 1


def search(profiles: tuple[str, ...], commands: int, first_seed: int = 0) -> tuple[int, Counter[str], str]:
    """(commands compared, how often each status word came, the shortest conversation that differs or nothing)."""
    done, words = 0, Counter[str]()
    for start, talk in talks(profiles, first_seed):
        done += talk.commands
        words += talk.words
        if talk.difference:
            return done, words, play.report(start, talk)
        if done >= commands:
            return done, words, ""
    raise AssertionError("conversations never end")


def main(argv: list[str]) -> int:
    """Exit status 1 when a difference was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.model.search", description="the twin against its specification"
    )
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chip", default="", help="profiles, with commas; all kinds of chips when left out")
    options = parser.parse_args(argv)
    chips = ((100, tuple(options.chip.split(","))),) if options.chip else CHIPS
    total, words, different = 0, Counter[str](), 0
    for share, profiles in chips:
        done, seen, report = search(profiles, options.commands * share // 100, options.seed)
        total, words = total + done, words + seen
        print(f"{', '.join(profiles)}: {done:,} commands, {'a difference' if report else 'no difference'}", flush=True)
        if report:
            different += 1
            print(report)
    if not options.chip:
        done, report = module_search.search(options.commands // 10, options.seed)
        total, different = total + done, different + bool(report)
        print(f"PSAM: {done:,} commands, {report or 'no difference'}", flush=True)
    top = ", ".join(f"{sw} {count:,}" for sw, count in words.most_common(40))
    print(f"twin against specification: {total:,} commands, {different} differences; status words {top}")
    return DIFFERENT if different else DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
