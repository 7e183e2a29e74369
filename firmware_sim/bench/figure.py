"""A figure and how it is taken: our way and the bare way in turns, medians of the pairs.

The two ways take turns block by block, and every second pair starts with the other one, so that what else happens on
the machine hits both alike. `ratio` is the median of the pairs' ratios: under load it is steadier than the quotient of
the two medians, and may differ from it in the last digit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Literal

Better = Literal["higher", "lower"]
Extra = Mapping[str, int | float | str]
# One block of work; answers its reading in the figure's unit.
Block = Callable[[], float]
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Pairs:
    """Medians of the paired blocks; `spread` is half the distance of the quartiles of the ratios, over the median."""

    value: float
    baseline: float
    ratio: float
    spread: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the bench. `value` and `baseline_value` are in `unit`; `extra` goes into the JSON line as it is."""

    name: str
    unit: str
    baseline: str
    better: Better
    pairs: Pairs
    extra: Extra = field(default_factory=dict)

    def to_json(self) -> dict[str, int | float | str]:
        """The contract's members first, then how many pairs, how far they spread, and what else was counted."""
        return {
            "name": self.name,
            "value": rounded(self.pairs.value),
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_value": rounded(self.pairs.baseline),
            "ratio": rounded(self.pairs.ratio),
            "better": self.better,
            "pairs": self.pairs.rounds,
            "spread": rounded(self.pairs.spread),
            **self.extra,
        }


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to measure. `quick` takes few pairs: it shows that a bench works, not how fast anything is."""

    quick: bool
    tell: Callable[[int, int], None] = lambda _done, _total: None

    def pick(self, full: int, quick: int) -> int:
        return quick if self.quick else full


def take_pairs(ours: Block, bare: Block, rounds: int, effort: Effort, limit_s: float = 60.0) -> Pairs:
    """`rounds` pairs, fewer when `limit_s` is over first (one at least)."""
    ends = perf_counter() + limit_s
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        pairs.append(_pair(ours, bare, swapped=bool(number % 2)))
        effort.tell(number + 1, rounds)
        if perf_counter() > ends:
            break
    ratios = sorted(one / other for one, other in pairs)
    quarter = len(ratios) // 4
    middle = median(ratios)
    return Pairs(
        value=median(one for one, _ in pairs),
        baseline=median(other for _, other in pairs),
        ratio=middle,
        spread=(ratios[-1 - quarter] - ratios[quarter]) / 2 / middle,
        rounds=len(pairs),
    )


def _pair(ours: Block, bare: Block, *, swapped: bool) -> tuple[float, float]:
    if swapped:
        other = bare()
        return ours(), other
    one = ours()
    return one, bare()


def per_second(work: Callable[[], object], calls: int) -> float:
    """`work` done `calls` times: how often it is done in a second."""
    return 1000 / milliseconds(work, calls)


def milliseconds(work: Callable[[], object], calls: int) -> float:
    """`work` done `calls` times: what one of them takes."""
    started = perf_counter()
    for _ in range(calls):
        work()
    return (perf_counter() - started) * 1000 / calls


def quickest_ms(work: Callable[[], object], calls: int) -> float:
    """`work` done `calls` times: what the quickest took, which no other process interrupted."""
    return min(milliseconds(work, 1) for _ in range(calls))


def rounded(value: float) -> float:
    """Four significant digits: more would pretend."""
    return float(f"{value:.{DIGITS}g}")
