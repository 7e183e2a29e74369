"""Stores for the server's tests: the same suite on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.database import Store, make_engine
from server.migrations import upgrade
from tests.server.house import House, open_house

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)]


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database of either kind."""
    if request.param == "sqlite":
        return "sqlite://"
    databases = request.getfixturevalue("pg_databases")
    return str(databases.fresh("server", _migrate))


def _migrate(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A migrated store."""
    engine = make_engine(store_url)
    upgrade(engine)
    opened = Store(engine)
    yield opened
    opened.close()


@pytest.fixture
def house(store_url: str, tmp_path: Path) -> Iterator[House]:
    """A running server on either engine."""
    with open_house(store_url, tmp_path) as opened:
        yield opened
