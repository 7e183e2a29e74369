"""`onecard ldt33` without a card: its list, its exit statuses, what it does with wrong words."""

import io
import json

import pytest

from card.domain.entropy import SeededEntropy
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.console import run
from terminal.ldt33.pinpad import LinePinPad, NoPinPad, Prompt
from terminal.ldt33.table import FUNCTIONS


def ldt33(*words: str) -> int:
    return run(words, SeededEntropy(1))


def test_the_list_names_every_function_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert ldt33("list") == 0
    shown = capsys.readouterr().out
    assert all(item.prototype in shown for item in FUNCTIONS)
    assert "-2203  PSAM无RKssse" in shown
    assert ldt33("--json", "list") == 0
    assert len(json.loads(capsys.readouterr().out)["functions"]) == len(FUNCTIONS)


def test_an_unknown_function_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert ldt33("iReadCradBas", "1") == 64
    assert "onecard ldt33 list" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("iReadCardBas",), ("iReadCardBas", "one"), ("iReadCardBas", "1", "2")])
def test_wrong_arguments_are_the_functions_to_refuse(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ldt33("--json", *words) == 1
    assert json.loads(capsys.readouterr().out)["code"] == Code.BAD_PARAMETER


def test_a_step_alone_has_no_connection_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert ldt33("--json", "iReadCardBas_HSM_Step2", "x|", "--", "iVerifyPIN", "1") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["code"] for row in rows] == [Code.NOT_CONNECTED], "the first that fails ends the sequence"


def test_wrong_options_are_wrong_usage() -> None:
    with pytest.raises(SystemExit) as usage:
        ldt33("--no-such-option", "list")
    assert usage.value.code == 64


def test_a_configuration_that_cannot_be_used(
    tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ldt33("--config", f"{tmp_path}/none.toml", "iReadCardBas", "1") == 2
    assert "E-CONFIG" in capsys.readouterr().err


def test_an_empty_entry_cancels_and_no_keypad_is_not_supported() -> None:
    with pytest.raises(Ldt33Error) as none:
        NoPinPad().ask(Prompt.PIN, 1)
    assert none.value.value == Code.NOT_SUPPORTED
    with pytest.raises((Ldt33Error, io.UnsupportedOperation)):
        LinePinPad(io.StringIO("\n")).ask(Prompt.PIN, 1)
