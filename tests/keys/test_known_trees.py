"""Production does not start on keys everybody can make."""

from dataclasses import replace

import pytest

from keys.errors import ProductionRefusedError
from keys.hsm import KeyFacts
from keys.hsm_software import SoftwareHsm
from keys.known_trees import refuse_test_roots
from keys.settings import seed_from_number


@pytest.mark.parametrize("label", ["ssc/IRK", "code/root-1", "lists/hotlist"])
def test_one_test_key_among_others_is_enough(label: str) -> None:
    real = [replace(facts, kcv=b"\x01\x02\x03") for facts in _facts(3)]
    refuse_test_roots("production", real)
    mixed = [facts for facts in _facts(3) if facts.label == label] + real
    with pytest.raises(ProductionRefusedError, match=label):
        refuse_test_roots("production", mixed)
    refuse_test_roots("demo", mixed)


def _facts(number: int) -> list[KeyFacts]:
    return list(SoftwareHsm.from_seed(seed_from_number(number), "test").key_facts())
