"""What whoever stands behind `server.hotel.police.PoliceDesk` must do: `--replace police=MODULE:FACTORY`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from card.domain.clock import SteppedClock
from firmware_sim.police import SimulatedPolice
from server.hotel.police import PoliceDesk, PoliceDownError, StayReport


def _stay(stay_id: str) -> StayReport:
    return StayReport(stay_id, "haikou-hotel", "desk-1", "0812", 1_795_392_000_000, 1, "测试甲", "11010119900307002X")


def _simulated() -> SimulatedPolice:
    return SimulatedPolice(SteppedClock(datetime(2026, 11, 23, 2, tzinfo=UTC)))


@pytest.fixture
def desk(replacement: Callable[[str], object | None]) -> PoliceDesk:
    return cast(PoliceDesk, replacement("police") or _simulated())


def test_a_stay_has_a_receipt(desk: PoliceDesk) -> None:
    receipt = desk.register_stay(_stay("contract-1"))
    assert receipt.receipt_no
    assert receipt.result == "registered"


def test_the_same_stay_again_has_the_same_receipt(desk: PoliceDesk) -> None:
    assert desk.register_stay(_stay("contract-2")) == desk.register_stay(_stay("contract-2"))


def test_two_stays_have_two_receipts(desk: PoliceDesk) -> None:
    first, second = (desk.register_stay(_stay(f"contract-{number}")).receipt_no for number in (3, 4))
    assert first != second


def test_a_desk_that_cannot_be_reached_says_so_and_forgets_nothing() -> None:
    police = _simulated()
    before = police.register_stay(_stay("contract-5"))
    police.answering = False
    with pytest.raises(PoliceDownError):
        police.register_stay(_stay("contract-5"))
    police.answering = True
    assert police.register_stay(_stay("contract-5")) == before


def test_a_stay_does_not_print_the_guest() -> None:
    assert "11010119900307002X" not in repr(_stay("contract-6"))
    assert "测试甲" not in repr(_stay("contract-6"))
