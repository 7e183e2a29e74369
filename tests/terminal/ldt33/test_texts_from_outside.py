"""Whatever a caller passes in, a return code comes back: addresses, values, frames, and whole calls."""

import string

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from card.errors import CardDataError
from terminal.errors import WireFormatError
from terminal.ldt33 import addresses
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.frames import parse_request
from terminal.ldt33.table import FUNCTIONS
from tests.terminal.ldt33.bench import open_bench

PIECES = [
    "SSSEEF05",
    "DF02EF07",
    "MFEF06",
    ":01",
    ":00",
    "|",
    "$",
    "06",
    "43:02",
    "0g",
    "",
    "é",
    "\0",
    "-",
    "1.5",
    "99",
]
WORDS = st.lists(st.sampled_from(PIECES) | st.text(string.printable, max_size=4), max_size=12).map("".join)
QUIET = settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(WORDS)
@example("SSSEEF05|" + "06|" * 65 + "$")
def test_an_address_is_parsed_or_refused(text: str) -> None:
    try:
        found = addresses.parse_addresses(text)
    except Ldt33Error as refused:
        assert refused.value < 0
        return
    tags = tuple(tuple(tag.text for tag in address.tags) for address in found)
    assert addresses.render(found, tags).replace("|$", "$") == text.replace("|$", "$")
    assert addresses.parse_addresses(addresses.render(found, tags)) == found


@QUIET
@given(WORDS)
def test_other_lines_are_parsed_or_refused(text: str) -> None:
    for parse in (addresses.parse_card_info, addresses.parse_pay_info):
        try:
            parse(text)
        except Ldt33Error as refused:
            assert refused.value in (Code.BAD_PARAMETER, Code.BAD_INPUT, Code.CARD_ID_FORMAT)


@QUIET
@given(st.binary(max_size=60))
def test_a_request_is_parsed_or_refused(raw: bytes) -> None:
    try:
        parse_request(raw)
    except (WireFormatError, CardDataError):
        return


FILES = st.sampled_from(["SSSEEF06|09|$", "DF01EF06|23|28|$", "SSSEEF05|07|$DF01EF05|20|$", "SSSEEF07$"])
DATA = st.sampled_from(["DF01EF06|海口|1|$", "DF01EF06||$", "SSSEEF06|\u2764|$"])
NUMBERS = st.integers(-3, 6) | st.sampled_from([1, 1, 1, 2**31 - 1, -(2**31)])


def calls(info: str) -> st.SearchStrategy[tuple[str, tuple[int | str, ...]]]:
    """Any function with arguments that are often nearly right."""
    likely = {"pCardInfo": st.just(info), "pFileAddr": FILES, "pWriteData": DATA}
    return st.sampled_from(FUNCTIONS).flatmap(
        lambda function: st.tuples(
            st.just(function.name),
            st.tuples(
                *(
                    NUMBERS if item.kind == "int" else likely.get(item.name, WORDS) | WORDS
                    for item in function.parameters
                )
            ),
        )
    )


def test_any_call_ends_in_a_code_and_a_bounded_answer() -> None:
    with open_bench() as bench:

        @settings(QUIET, max_examples=80)
        @given(calls(bench.info))
        def run(call: tuple[str, tuple[int | str, ...]]) -> None:
            name, arguments = call
            answer = bench.call(name, *arguments)
            room = next(item.buffer for item in FUNCTIONS if item.name == name)
            assert -0xFFFF <= answer.code <= 0
            assert len(answer.encoded) < room and (answer.code == 0 or answer.text == "")

        run()
        assert bench.call("iReadCardBas", 1).code == Code.OK, "the card is none the worse"
