"""One terminal for a test."""

from collections.abc import Iterator

import pytest

from tests.terminal.ldt33.bench import Bench, open_bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_bench() as made:
        yield made
