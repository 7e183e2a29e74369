"""`--replace NAME=MODULE:FACTORY`: run a contract suite on the real thing instead of the stand-in. A pytest plugin."""

from collections.abc import Callable
from importlib import import_module

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--replace", action="append", default=[], metavar="NAME=MODULE:FACTORY")


@pytest.fixture(scope="session")
def replacement(pytestconfig: pytest.Config) -> Callable[[str], object | None]:
    """`replacement("police")` is what the named factory makes, or None when the stand-in is to be tested."""
    given = dict(item.split("=", 1) for item in pytestconfig.getoption("--replace"))

    def make(name: str) -> object | None:
        if name not in given:
            return None
        module, _, factory = given[name].partition(":")
        made: object = getattr(import_module(module), factory)()
        return made

    return make
