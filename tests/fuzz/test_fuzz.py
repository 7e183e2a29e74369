"""A short campaign of bad input, and proofs that a campaign finds what it looks for."""

import time
from collections.abc import Callable

import pytest

from card.channel import CardChannel, standard
from card.errors import CardLostError
from tests.fuzz import talkers, watch
from tests.fuzz.campaign import run
from tests.fuzz.inputs import Inputs
from tests.fuzz.talkers import GarbageChannel, Talkers

INPUTS = 30_000


def test_no_input_breaks_or_holds_up_anything() -> None:
    """The million runs in `make soak`."""
    campaign = run(20_261_122, INPUTS)
    assert not campaign.findings, "\n".join(str(finding) for finding in campaign.findings)
    assert campaign.inputs >= INPUTS
    assert campaign.slowest_ms < 1000
    assert len(campaign.by_target) == 19


def test_the_same_seed_is_the_same_campaign() -> None:
    first, second = run(5, 2_000), run(5, 2_000)
    assert first.by_target == second.by_target


def break_(error: type[BaseException]) -> Callable[[], object]:
    def work() -> object:
        raise error("planted")

    return work


@pytest.mark.parametrize("error", [IndexError, UnicodeDecodeError, RecursionError, AssertionError, KeyError])
def test_an_error_without_a_code_is_a_finding(error: type[Exception]) -> None:
    planted = (lambda: b"\xff".decode("ascii")) if error is UnicodeDecodeError else break_(error)
    finding = watch.judged("planted", b"\x01", planted)
    assert finding is not None
    assert error.__name__ in str(finding)


def test_an_error_with_a_code_is_an_answer() -> None:
    assert watch.judged("planted", b"", break_(CardLostError)) is None
    assert watch.judged("planted", b"", break_(ValueError), (ValueError,)) is None


def test_a_hang_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LIMIT_S", 0.05)
    finding = watch.judged("planted", b"", lambda: time.sleep(5))
    assert finding is not None
    assert finding.kind.startswith("slower")


@pytest.mark.parametrize(
    ("talk", "generation"),
    [(talk, 0) for talk in (talkers.reading, talkers.purse_reading, talkers.holder, talkers.everything)]
    + [(talkers.certificates, 1)],
)
def test_with_a_sane_card_the_talks_go_through(talk: Callable[[CardChannel, Inputs], object], generation: int) -> None:
    """Else the mad card would be tested against the first line of each talk only."""
    inputs = Inputs(1, "sane")
    all_talkers = Talkers(inputs)
    chip = all_talkers.card(generation)
    chip.power_on("contact", "T=0")
    assert talk(standard(GarbageChannel(inputs, chip, 0)), inputs)
