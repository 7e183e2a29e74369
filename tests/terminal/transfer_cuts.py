"""A transfer cut at every moment of either card, then finished or undone; and its undoing cut likewise.

`.venv/bin/python -m tests.terminal.transfer_cuts` takes every moment, the suite takes samples. A moment is before and
after each write and each answer of the chip. Every second one goes on, every other one goes back; chips and books must
hold what was there each time. Prints how many moments there were.
"""

import sys
import tempfile
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.errors import CardError
from firmware_sim.card.factory import TwinFactory
from firmware_sim.card.faults import ANY_INS, Fault
from firmware_sim.rack import DirectRack
from server.context import Connectors
from terminal.errors import TerminalError
from tests.server.house import open_house
from tests.terminal.test_transfer import BALANCE, NEW_SLOT, OLD_SLOT, ON_NEW, Bureau, conserved, until_done
from tests.terminal.test_with_server import Police, Town

MOST = 5_000  # far beyond what a transfer takes: a loop that never ends is a finding


def cut_everywhere(bureau: Bureau, slot: str, during: str = "move", step: int = 1) -> int:
    """How many moments were cut, each `step`-th of them. AssertionError where something was lost or doubled."""
    cut = 0
    for moment in range(1, MOST, step):
        pair = bureau.pair()
        if during == "undo":
            pair.transfer().move(*pair.sides())
        sides = pair.sides()
        pair.town.rack.fault(slot, Fault("cut", ANY_INS, moment))
        try:
            getattr(pair.transfer(), during)(*sides)
        except (CardError, TerminalError):
            cut += 1
        else:
            pair.town.rack.disarm(slot)
            return cut
        conserved(pair, on_the_road=True)
        begun = pair.transfer().state(pair.sides()[0]) is not None
        back = during == "undo" or (bool(moment % 2) and begun)
        until_done(pair, pair.transfer().undo if back else pair.transfer().move)
        conserved(pair)
        wanted = (BALANCE, ON_NEW) if back else (0, BALANCE + ON_NEW)
        assert pair.balances() == wanted, f"moment {moment} of {slot}: {pair.balances()}"
    raise AssertionError("the transfer has no end")


def main() -> int:
    """0 when nothing was ever lost; every moment of both cards."""
    with tempfile.TemporaryDirectory() as name:
        folder, police, entropy = Path(name), Police(), SeededEntropy(3)
        with open_house(f"sqlite:///{folder / 'server.db'}", folder, Connectors(police=police)) as house:
            town = Town(house, DirectRack(entropy), TwinFactory(house.centre, entropy), folder, police)
            bureau = Bureau(town, town.device("counter-1", "counter", "service-hall", "hall-1", psam=3))
            for slot, zh in ((OLD_SLOT, "旧卡 old card"), (NEW_SLOT, "新卡 new card")):
                for during in ("move", "undo"):
                    moments = cut_everywhere(bureau, slot, during)
                    sys.stdout.write(f"transfer, {during}: {zh}: {moments} moments cut, nothing lost\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
