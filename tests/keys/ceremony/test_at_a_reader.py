"""`run` and `recover` as typed, at a reader behind the real PC/SC daemon: hands put in the card that is asked for."""

import io
import re
import sys
from pathlib import Path

import pytest

from firmware_sim.mother_card import make_custody_card
from firmware_sim.rack import PcscRack
from keys.ceremony import cli
from keys.ceremony.plan import read_plan
from keys.ceremony.standing import standing
from tests.keys.ceremony.documents import EXAMPLE, ROOT

SLOT = "encoder-5"
PIN = "13572468"
RECOVERY = ROOT / "examples" / "ceremony-recovery.toml"


class Hands(io.StringIO):
    """Standard output: what it says is done, and what is typed next is ready on standard input."""

    def __init__(self, rack: PcscRack, cards: dict[str, Path], sheets: Path) -> None:
        super().__init__()
        self._rack, self._cards, self._sheets = rack, cards, sheets
        self.next: list[str] = []

    def write(self, text: str) -> int:
        if wanted := re.search(r"insert card (\w+)", text):
            self._rack.swap(SLOT, self._cards[wanted[1]])
        elif wanted := re.search(r"拆开信封 (\S+)，", text):
            (sheet,) = self._sheets.glob(f"{wanted[1]}-*")
            self.next = [line for line in sheet.read_text("utf-8").splitlines() if re.match(r"[1-9A-F] [0-9A-F]", line)]
        return super().write(text)

    def readline(self) -> str:
        """As standard input."""
        prompt = self.getvalue().rsplit("\n", 1)[-1]
        if "y?" in prompt:
            return "y\n"
        if "PIN" in prompt or "again" in prompt:
            return f"{PIN}\n"
        return f"{self.next.pop(0)}\n" if self.next else "\n"

    def isatty(self) -> bool:
        return False


@pytest.mark.pcsc
def test_run_and_recover(tmp_path: Path, pcsc_rack: PcscRack, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(EXAMPLE)
    cards = {
        holder.serial: make_custody_card(tmp_path / f"{holder.serial}.chip", holder.serial, holder.card)
        for holder in plan.holders
        if holder.serial
    }
    config = tmp_path / "onecard.toml"
    config.write_text(f'[keys]\ndata_dir = "{tmp_path}/data"\n', "utf-8")
    folder = tmp_path / "data" / "ceremonies" / "HN-2026-R01.REHEARSAL.ceremony"
    hands = Hands(pcsc_rack, cards, folder / cli.SHEETS)
    monkeypatch.setattr(sys, "stdout", hands)
    monkeypatch.setattr(sys, "stdin", hands)
    monkeypatch.setattr(cli, "find_browser", lambda: None)
    at = ["--reader", pcsc_rack.name(SLOT), "--config", str(config)]
    assert cli.run(["--plan", str(EXAMPLE), *at]) == cli.DONE
    assert standing(folder).closed
    assert cli.recover_keys(["--plan", str(RECOVERY), "--source", str(folder), *at]) == cli.DONE
    shown = hands.getvalue()
    for row in standing(folder).artefact.keys:  # type: ignore[union-attr]
        assert f"{row['label']} v{row['version']}  KCV {row['kcv'].upper()}" in shown
    recovered = standing(folder.with_name("HN-2026-R01-1.REHEARSAL.ceremony"))
    assert recovered.closed
    assert [record["what"] for record in recovered.records].count("part-taken") == 3
    assert "恢复 recovers" in next(folder.parent.rglob("HN-2026-R01-1.REHEARSAL.minutes.html")).read_text("utf-8")
    assert PIN not in shown
    assert cli.run(["--plan", str(EXAMPLE), *at]) == cli.NOT_TRIED, "its number is used"
    pcsc_rack.eject(SLOT)
