"""What a test needs from the machine: absent means skipped with its reason, or failed when ONECARD_REQUIRE names it."""

import os
from typing import NoReturn

import pytest


def missing(component: str, reason: str) -> NoReturn:
    """Give up this test: `component` is one of pcsc, pg, browser, tools (and what ONECARD_REQUIRE may list)."""
    required = {name.strip() for name in os.environ.get("ONECARD_REQUIRE", "").split(",")}
    if component in required:
        pytest.fail(f"{component} is required here (ONECARD_REQUIRE) and missing: {reason}", pytrace=False)
    pytest.skip(f"{component}: {reason}")
