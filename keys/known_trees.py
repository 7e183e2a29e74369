"""Recognising the test tree: production refuses it by check value, and SM2 keys by SM3 of the public key.

The seeds of the demonstration are numbers, so everybody can make these keys. The marks of the first numbers are
computed when asked for; a tree from another seed cannot be recognised, only never be put into production.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from keys.errors import ProductionRefusedError
from keys.hsm import KeyFacts
from keys.hsm_software import PRODUCTION, SoftwareHsm
from keys.settings import seed_from_number

NUMBERS: Final = range(10)


@cache
def known_marks() -> frozenset[tuple[str, bytes]]:
    """(label, check value) of every key of the test trees of seed numbers 0 to 9."""
    stores = (SoftwareHsm.from_seed(seed_from_number(number), "test") for number in NUMBERS)
    return frozenset((facts.label, facts.kcv) for store in stores for facts in store.key_facts())


def refuse_test_roots(profile: str, keys: Iterable[KeyFacts]) -> None:
    """ProductionRefusedError when `profile` is production and one of `keys` belongs to a test tree."""
    if profile != PRODUCTION:
        return
    for facts in keys:
        if (facts.label, facts.kcv) in known_marks():
            raise ProductionRefusedError(f"{facts.label} is a key of the test tree")
