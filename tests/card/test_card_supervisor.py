"""The supervisor of a slot against a scripted reader: comings, goings, mute cards, lost readers, restarted daemons."""

from collections.abc import Callable

import pytest

from card.channel import CardChannel
from card.errors import (
    CardError,
    CardMuteError,
    DaemonMissingError,
    NoCardError,
    ReaderBusyError,
    ReaderLostError,
)
from card.readers.reader import Reader
from card.readers.supervisor import LONGEST_PAUSE_MS, Change, ReaderSupervisor, SlotState
from tests.card.scripted import Script


class ScriptedReader:
    """A reader whose every call takes the next of its answers: True, False, or an error to raise."""

    def __init__(self, answers: list[bool | CardError]) -> None:
        self._answers = answers

    @property
    def name(self) -> str:
        return "scripted"

    def connect(self) -> CardChannel:
        self._next()
        return Script([])

    def card_present(self) -> bool:
        return self._next()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._next()

    def _next(self) -> bool:
        answer = self._answers.pop(0) if self._answers else False
        if isinstance(answer, CardError):
            raise answer
        return answer


def supervised(*readers: list[bool | CardError]) -> tuple[ReaderSupervisor, list[Change], list[float]]:
    """A supervisor that opens the given readers one after another, the last one for ever."""
    waiting = [ScriptedReader(answers) for answers in readers]
    changes: list[Change] = []
    pauses: list[float] = []

    def open_reader() -> Reader:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return ReaderSupervisor(open_reader, changes.append, pauses.append), changes, pauses


def states(changes: list[Change]) -> list[SlotState]:
    return [change.state for change in changes]


def test_a_card_comes_and_goes() -> None:
    supervisor, changes, _ = supervised([False, True, True, True])
    assert supervisor.next_card(5000) is not None
    assert supervisor.wait_removed(5000)
    assert states(changes) == [SlotState.EMPTY, SlotState.CARD, SlotState.EMPTY]


def test_nothing_comes() -> None:
    supervisor, changes, _ = supervised([])
    assert supervisor.next_card(5) is None
    assert states(changes) == [SlotState.EMPTY]


def test_a_card_pulled_before_it_is_powered_is_no_failure() -> None:
    supervisor, changes, _ = supervised([True, NoCardError("gone"), True, True])
    assert supervisor.next_card(5000) is not None
    assert states(changes) == [SlotState.EMPTY, SlotState.CARD]


def test_a_mute_card_is_reported_once_and_waited_out() -> None:
    supervisor, changes, _ = supervised([True, CardMuteError("mute"), False, True, True, True])
    assert supervisor.next_card(5000) is not None
    assert changes[0] == Change(SlotState.MUTE, "E-CARD-MUTE")
    assert states(changes) == [SlotState.MUTE, SlotState.EMPTY, SlotState.CARD]


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (DaemonMissingError, SlotState.NO_DAEMON),
        (ReaderLostError, SlotState.NO_READER),
        (ReaderBusyError, SlotState.BUSY),
    ],
)
def test_trouble_is_named_and_outlived(trouble: Callable[[str], CardError], state: SlotState) -> None:
    first: list[bool | CardError] = [trouble("down"), True, True]
    supervisor, changes, pauses = supervised(first, [True, True])
    assert supervisor.next_card(5000) is not None
    assert states(changes) == [state, SlotState.CARD]
    assert changes[0].code == trouble("").code
    assert pauses == [0.1]
    assert supervisor.renewals == (0 if state is SlotState.BUSY else 1)


def test_pauses_grow_and_stay_bounded_then_start_again() -> None:
    down: list[list[bool | CardError]] = [[DaemonMissingError("down")] for _ in range(8)]
    supervisor, changes, pauses = supervised(*down, [True, True, True, DaemonMissingError("down")])
    assert supervisor.next_card(60_000) is not None
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert max(pauses) == LONGEST_PAUSE_MS / 1000
    assert states(changes) == [SlotState.NO_DAEMON, SlotState.CARD]
    assert supervisor.wait_removed(1000)
    assert supervisor.wait_removed(1000)
    assert pauses[-1] == 0.1


def test_a_card_that_stays_is_told() -> None:
    supervisor, _, _ = supervised([])
    assert not supervisor.wait_removed(5)
