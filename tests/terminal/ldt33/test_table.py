"""One table, four places: Python, C header, C function list, `.def`; and every function of the standard is there."""

import re

import pytest

from card import errors
from card.errors import (
    AccessDeniedError,
    CardBlockedError,
    CardError,
    CardGarbageError,
    CardLateError,
    CardMuteError,
    ContactlessRefusedError,
    KeyMissingError,
    LineMacError,
    PinBlockedError,
    PinError,
    PinInitialError,
    ReaderBusyError,
    UnexpectedSwError,
)
from terminal.ldt33 import codes
from terminal.ldt33.addresses import parse_pay_info
from terminal.ldt33.codes import MEANINGS, Code, Ldt33Error, meaning, value_of
from terminal.ldt33.library import BODIES
from terminal.ldt33.table import BY_NAME, FUNCTIONS
from tests.tidy.tree import ROOT

CAPI = ROOT / "terminal/capi"
# card §4.1, as the standard's test specification lists them
NAMED = (
    *("iReadCardBas", "iReadCardBas_HSM_Step1", "iReadCardBas_HSM_Step2", "iReadCard"),
    *("iReadCard_HSM_Step1", "iReadCard_HSM_Step2", "iWriteCard", "iWriteCard_HSM_Step1"),
    *("iWriteCard_HSM_Step2", "iVerifyPIN", "iChangePIN", "iReloadPIN", "iReloadPIN_HSM_Step1"),
    *("iReloadPIN_HSM_Step2", "iReloadPIN_HSM_Step3", "iUnblockPIN", "iUnblockPIN_HSM_Step1"),
    *("iUnblockPIN_HSM_Step2", "iUnblockPIN_HSM_Step3", "iDoDebit", "iDoDebit_HSM_Step1"),
    *("iDoDebit_HSM_Step2", "iReadDebitRecord", "PKI_SignData", "PKI_VerifySign"),
)
# card §4.4, A: what clients have been seen to expect
CODES = [-1, -2, -3, -4, -5, -11, -12, -13, -14, -15, -20, -21, -22, -23, -24, -31, -32, -33, -34, -35, -36, -41, -42]
CODES += [-51, -52, -2201, -2202, -2203, -2204, 0]


def test_every_function_of_the_standard_has_a_body() -> None:
    assert set(NAMED) < set(BY_NAME)
    assert set(BODIES) == set(BY_NAME)
    assert {name for name in BY_NAME if BY_NAME[name].declared} == {
        *("iDoDebit", "iDoDebit_HSM_Step1", "iDoDebit_HSM_Step2", "iReadDebitRecord"),
        *("PKI_SignData", "PKI_VerifySign", "PKI_EncryptEnvelope", "PKI_DecryptEnvelope"),
    }


def test_the_header_says_the_same() -> None:
    text = (CAPI / "ldt33.h").read_text("utf-8")
    found = re.findall(r"/\* (\d+) bytes(, declared form)? \*/\nLDT33_API long LDT33_CALL ([^;]*);", text)
    assert [(int(room), bool(declared), f"long {rest}") for room, declared, rest in found] == [
        (item.buffer, item.declared, item.prototype) for item in FUNCTIONS
    ]


def test_the_function_list_says_the_same() -> None:
    text = (CAPI / "functions.inc").read_text("utf-8")
    found = re.findall(r"^F\((\w+), ([IT]+), (\d+), ([01])\)$", text, re.M)
    shapes = {"int": "I", "text": "T"}
    assert [(name, shape, int(room), pin == "1") for name, shape, room, pin in found] == [
        (item.name, "".join(shapes[part.kind] for part in item.parameters), item.buffer, item.enters_pin)
        for item in FUNCTIONS
    ]


def test_the_def_file_exports_the_same() -> None:
    lines = (CAPI / "ldt33.def").read_text("utf-8").split("EXPORTS")[1].split()
    assert lines == [item.name for item in FUNCTIONS]


def test_the_page_names_every_function_and_code() -> None:
    page = (ROOT / "docs/ldt33.md").read_text("utf-8")
    for item in FUNCTIONS:
        assert f"`{item.prototype}`" in page, item.name
        row = next(line for line in page.splitlines() if f"`{item.prototype}`" in line)
        assert f"| {item.buffer} |" in row and f"| {item.confidence} |" in row, item.name
    for code in Code:
        assert f"| {int(code)} |" in page, code


def test_every_code_of_the_standard_has_a_meaning() -> None:
    assert sorted(map(int, MEANINGS)) == sorted(CODES)


def test_other_codes_are_status_words_by_name() -> None:
    assert meaning(-27010) == ("卡片返回 6982 SECURITY NOT SATISFIED", "the card answered 6982 SECURITY NOT SATISFIED")
    assert meaning(-25537)[1] == "the card answered 63C1 TRIES LEFT 1"
    assert meaning(-99)[1] == "unknown return code"


@pytest.mark.parametrize(
    ("error", "heard", "library", "word"),
    [
        (CardBlockedError(), 0x6283, -0x6283, -0x6283),
        (CardBlockedError(), 0x9303, -0x9303, -0x9303),
        (CardBlockedError(), 0x9000, -0x6A81, -0x6A81),
        (KeyMissingError(), 0x9403, -0x9403, -0x9403),
        (LineMacError(), 0x6987, -0x6987, -0x6987),
        (AccessDeniedError("x"), 0x6108, -0x6982, -0x6982),
        (UnexpectedSwError(0x6F42, "x"), 0x6F42, -0x6F42, -0x6F42),
        (PinError(2), 0x63C2, Code.PIN_WRONG, -0x63C2),
        (PinBlockedError(), 0x6983, Code.PIN_BLOCKED, -0x6983),
        (PinInitialError(), 0x6985, Code.PIN_INITIAL, -0x6985),
        (CardMuteError(), 0x9000, Code.NOT_POWERED, Code.NOT_POWERED),
        (CardLateError(), 0x9000, Code.NO_ANSWER, Code.NO_ANSWER),
        (CardGarbageError(), 0x1234, Code.BAD_INFORMATION, Code.BAD_INFORMATION),
        (ReaderBusyError(), 0x9000, Code.READER, Code.READER),
        (ContactlessRefusedError("x"), 0x9000, Code.NOT_SUPPORTED, Code.NOT_SUPPORTED),
    ],
)
def test_an_error_becomes_the_code_of_either_style(error: CardError, heard: int, library: int, word: int) -> None:
    assert value_of(error, "library", heard) == library
    assert value_of(error, "status-word", heard) == word


def test_no_error_of_the_card_floor_is_forgotten() -> None:
    """Every class has a code of its own choosing; -4 is what is left for silence, not for surprises."""
    silent = {name for name, kind in vars(errors).items() if _is_error(kind) and not _known(kind)}
    assert silent <= {"CardError", "ReplayError", "HalfWrittenError"}, silent


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, CardError)


def _known(kind: type[CardError]) -> bool:
    special = (PinError, PinBlockedError, PinInitialError, UnexpectedSwError)
    return issubclass(kind, (*codes._PLAIN, *codes._WORDS, *special))


@pytest.mark.parametrize(
    ("text", "fen"), [("0.1|0.2|20260115083000|", (10, 20)), ("12|0.05|20260115235959|", (1200, 5))]
)
def test_amounts_are_yuan_outside_and_fen_inside(text: str, fen: tuple[int, int]) -> None:
    pay = parse_pay_info(text)
    assert (pay.personal, pay.pooled) == fen


@pytest.mark.parametrize(
    "text", ["1.234|0|20260115083000|", "-1|0|20260115083000|", "1|1|20261315083000|", "1e3|0|2026|"]
)
def test_amounts_and_times_that_cannot_be(text: str) -> None:
    with pytest.raises(Ldt33Error) as bad:
        parse_pay_info(text)
    assert bad.value.value == Code.BAD_INPUT
