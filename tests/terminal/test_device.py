"""A device across restarts, and the command that runs one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock
from card.domain.entropy import SeededEntropy, SystemEntropy
from card.texts import catalogue
from keys.algorithms.sm2 import Sm2PrivateKey
from terminal.bus import console
from terminal.config import TerminalConfig
from terminal.device import Origin, open_device
from terminal.errors import NotEnrolledError
from terminal.uplink import Reply
from tests.terminal.street import LIST_KEY, START, facts_signer


class EnrolServer:
    """Knows one route."""

    def __init__(self) -> None:
        self.enrolled: list[object] = []

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        assert path == "/api/v1/devices:enrol" and body is not None
        self.enrolled.append(body["public_key"])
        return Reply(
            200,
            {
                "device_id": body["device_id"],
                "terminal_no": "460100000001",
                "list_key": LIST_KEY.hex(),
                "facts_key": facts_signer().public.raw().hex(),
                "server_time": 1,
            },
        )


def test_a_restarted_device_keeps_its_key_enrolment_and_epoch(tmp_path: Path) -> None:
    server = EnrolServer()

    def origin(seed: int) -> Origin:
        return Origin(TerminalConfig(), "bus", SteppedClock(START), SeededEntropy(seed), tmp_path / "d", profile="test")

    with pytest.raises(NotEnrolledError):
        open_device(origin(1), lambda _key: server)
    first = open_device(origin(2), lambda _key: server, "one-time")
    epoch, key = first.journal.epoch, first.key.public
    first.close()
    keys: list[Sm2PrivateKey] = []
    again = open_device(origin(3), lambda key: keys.append(key) or server)  # type: ignore[func-returns-value]
    assert (again.journal.epoch, again.key.public, keys[0].public) == (epoch, key, key)
    assert server.enrolled == [key.raw().hex()] and again.post.terminal.hex == "460100000001"
    again.close()


def test_run_bus_without_a_daemon_says_so_and_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    assert console.run(["--psam", "no such reader"], SteppedClock(START), SystemEntropy()) == 2
    said = capsys.readouterr().err
    assert "下一步" in said and "Traceback" not in said


def test_run_bus_refuses_a_configuration_with_unknown_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "onecard.toml"
    path.write_text("[bus]\nlime = 'K1'\n", "utf-8")
    assert console.run(["--config", str(path)], SteppedClock(START), SystemEntropy()) == 2
    assert "lime" in capsys.readouterr().err


def test_wrong_usage_is_sixty_four(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        console.run(["--nonsense"], SteppedClock(START), SystemEntropy())
    assert ended.value.code == 64 and "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_has_a_next_step(language: str) -> None:
    texts = catalogue(language)
    assert [code for code, text in texts.items() if code.startswith(("D-", "R-")) and not text.next_step] == []
