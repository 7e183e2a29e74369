"""One wrong character and one exchange of neighbours never go unnoticed, wherever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.entropy import SeededEntropy
from keys.ceremony.errors import LineError
from keys.ceremony.paper import lines, secret_of

SYMBOLS = "0123456789ABCDEF"


@given(st.binary(min_size=1, max_size=120))
def test_back_from_paper(secret: bytes) -> None:
    assert secret_of([line.lower() for line in lines(secret)]) == secret


@pytest.mark.parametrize("size", [3, 16, 32])
def test_every_single_wrong_character_is_caught(size: int) -> None:
    printed = lines(SeededEntropy(size).token(size))
    tried = 0
    for number, line in enumerate(printed):
        for place, right in enumerate(line):
            for wrong in SYMBOLS if right != " " else "":
                if wrong != right:
                    _caught(printed, number, line[:place] + wrong + line[place + 1 :])
                    tried += 1
    assert tried > 100


def test_every_exchange_of_neighbours_is_caught() -> None:
    tried = 0
    for seed in range(40):
        printed = [line.replace(" ", "") for line in lines(SeededEntropy(seed).token(24))]
        for number, line in enumerate(printed):
            for place in range(len(line) - 1):
                if line[place] != line[place + 1]:
                    _caught(printed, number, line[:place] + line[place + 1] + line[place] + line[place + 2 :])
                    tried += 1
    assert tried > 1000


def test_exchanged_lines_and_missing_ones_are_caught() -> None:
    printed = lines(SeededEntropy(1).token(32))
    with pytest.raises(LineError, match="line 2: this is line 3"):
        secret_of([printed[0], printed[2], printed[1], printed[3]])
    for bad in ([], ["1 ZZZZ 00"], ["1"], [printed[0] + "0"], [printed[0] + " 0000"]):
        with pytest.raises(LineError):
            secret_of(bad)


def _caught(printed: list[str], number: int, wrong: str) -> None:
    with pytest.raises(LineError) as caught:
        secret_of([*printed[:number], wrong, *printed[number + 1 :]])
    assert caught.value.line == number + 1
