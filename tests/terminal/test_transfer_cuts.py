"""Samples of the moments that `tests.terminal.transfer_cuts` cuts all."""

import pytest

from tests.terminal.test_transfer import NEW_SLOT, OLD_SLOT, Bureau
from tests.terminal.test_transfer import bureau as bureau  # the fixtures
from tests.terminal.test_with_server import town as town
from tests.terminal.transfer_cuts import cut_everywhere


@pytest.mark.parametrize("slot", [OLD_SLOT, NEW_SLOT])
@pytest.mark.parametrize(("during", "step"), [("move", 37), ("undo", 13)])
def test_a_card_cut_at_any_moment_loses_nothing(bureau: Bureau, slot: str, during: str, step: int) -> None:
    assert cut_everywhere(bureau, slot, during, step) >= 2
