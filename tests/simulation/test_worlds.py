"""Two hundred seeded worlds, and every seed that ever failed. A failure prints the line that replays it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.world.run import run

STEPS, SEEDS, CHUNK = 500, 200, 5
MUSEUM = tomllib.loads((Path(__file__).parent / "museum.toml").read_text("utf-8"))["world"]


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_worlds_keep_their_invariants(first: int) -> None:
    for seed in range(first, first + CHUNK):
        report = run(seed, STEPS)
        assert report.ok, report.told()


@pytest.mark.parametrize("case", MUSEUM, ids=lambda case: f"seed-{case['seed']}")
def test_worlds_of_the_museum_stay_mended(case: dict[str, Any]) -> None:
    report = run(case["seed"], case["steps"])
    assert report.ok, f"{case['note']}\n{report.told()}"


def test_the_same_seed_is_the_same_world() -> None:
    first, second = run(7, 60), run(7, 60)
    assert (first.counts, [f.value for f in first.findings]) == (second.counts, [f.value for f in second.findings])
