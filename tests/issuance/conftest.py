"""Fixtures of the issuance tests: a store of either kind, a key centre, an office."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuance.database import Engine, open_store
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from tests.issuance.office import Office

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)]


@pytest.fixture(scope="session")
def centre() -> KeyCentre:
    return KeyCentre(SoftwareHsm.from_seed(b"issuance suite seed 1", "test"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store in a file."""
    opened = open_store(f"sqlite:///{tmp_path}/issuance.db")
    yield opened
    opened.dispose()


@pytest.fixture(params=BACKENDS)
def any_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The same test on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path}/issuance.db")
    else:
        opened = open_store(str(request.getfixturevalue("pg_url")))
    yield opened
    opened.dispose()


@pytest.fixture
def office(engine: Engine, centre: KeyCentre, tmp_path: Path) -> Iterator[Office]:
    yield from _office(engine, centre, tmp_path)


@pytest.fixture
def any_office(any_engine: Engine, centre: KeyCentre, tmp_path: Path) -> Iterator[Office]:
    yield from _office(any_engine, centre, tmp_path)


def _office(engine: Engine, centre: KeyCentre, folder: Path) -> Iterator[Office]:
    opened = Office(engine, centre, folder)
    yield opened
    opened.rack.close()
