"""`onecard serve`: what it refuses, and that it answers from another process with simulated time."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from card.config import ConfigError
from server.cli import serve
from server.config import ServerConfig

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "flags, code",
    [
        (["--profile", "production"], "E-PRODUCTION-REFUSED"),
        (["--profile", "production", "--clock-file", "clock"], "E-CONFIG"),
        (["--clock-file", "nowhere"], "E-CONFIG"),
        (["--config", "nowhere.toml"], "E-CONFIG"),
    ],
)
def test_what_cannot_be_served_is_said_with_a_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert serve(["--data-dir", str(tmp_path), *flags]) == 2
    said = capsys.readouterr().err
    assert code in said
    assert "next" in said


def test_wrong_usage_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(["--nonsense"])
    assert ended.value.code == 64


@pytest.mark.parametrize(
    "settings",
    [
        {"profile": "production", "workers": 2},
        {"profile": "rehearsal"},
        {"carry": "never"},
        {"workers": 0},
        {"batch_limit": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ServerConfig(**settings)  # type: ignore[arg-type]


def test_postgresql_may_have_several_workers_in_production() -> None:
    assert ServerConfig(profile="production", workers=2, database="postgresql://db/onecard").workers == 2


def test_a_served_process_answers(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_bytes((1_795_393_800_000).to_bytes(8, "big"))
    command = [sys.executable, "onecard.py", "serve", "--json", "--port", "0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(
        [*command, "--clock-file", str(clock)], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            assert child.stdout is not None
            ready = json.loads(child.stdout.readline())
            with urllib.request.urlopen(f"{ready['url']}/openapi.json", timeout=10) as answer:
                assert json.load(answer)["info"]["title"] == "onecard"
        finally:
            child.terminate()
    assert (tmp_path / "data" / "server.db").exists()
