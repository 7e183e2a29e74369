"""`onecard ldt33` without a card: its list, its exit statuses, what it does with wrong words."""

import json
import os
import pty
import threading
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.console import run, token_file
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


def test_entries_come_from_a_pipe_one_by_one() -> None:
    source, sink = os.pipe()
    pad = LinePinPad(source)
    os.write(sink, b"654321\n246810\n\n")
    assert [pad.ask(Prompt.OLD, 1000), pad.ask(Prompt.NEW, 1000)] == ["654321", "246810"]
    with pytest.raises(Ldt33Error) as cancelled:
        pad.ask(Prompt.AGAIN, 1000)
    with pytest.raises(Ldt33Error) as late:
        pad.ask(Prompt.AGAIN, 20)
    os.close(sink)
    with pytest.raises(Ldt33Error) as ended:
        pad.ask(Prompt.AGAIN, 1000)
    os.close(source)
    assert [bad.value.value for bad in (cancelled, late, ended)] == [Code.CANCELLED, Code.TIMED_OUT, Code.CANCELLED]


def test_a_console_does_not_show_what_is_typed() -> None:
    keys, screen = pty.openpty()
    threading.Timer(0.2, os.write, (keys, b"654321\n")).start()
    assert LinePinPad(screen).ask(Prompt.PIN, 5000) == "654321"
    os.write(screen, b"end")
    assert b"654321" not in os.read(keys, 100)
    with pytest.raises(Ldt33Error):
        LinePinPad(screen).ask(Prompt.PIN, 20)
    for end in (keys, screen):
        os.close(end)


def test_no_keypad_is_not_supported() -> None:
    with pytest.raises(Ldt33Error) as none:
        NoPinPad().ask(Prompt.PIN, 1)
    assert none.value.value == Code.NOT_SUPPORTED


def test_the_token_stands_where_the_library_looks() -> None:
    assert token_file(Ldt33Config()) == Path.home() / ".onecard/ldt33.token"
    assert token_file(Ldt33Config(token="var/t")) == Path("var/t")
