"""A small province per test."""

import pytest

from server.database import Store
from tests.server.benefit.payment_world import PayWorld


@pytest.fixture
def world(store: Store) -> PayWorld:
    """Twenty holders at two banks, one item."""
    found = PayWorld(store)
    found.add_programme()
    found.add_holders(20)
    return found
