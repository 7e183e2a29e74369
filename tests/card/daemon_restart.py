"""Run as a process of its own: a supervised slot lives through the end and the return of its PC/SC daemon.

Prints one line of JSON: the changes of state, the number of renewed readers, and the answers of the two cards.
"""

import json
import sys
import threading
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.readers.pcsc import PcscReader
from card.readers.supervisor import Change, ReaderSupervisor
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.rack import PcscRack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm

SLOT = "only"
LAYOUT = (SLOT, "spare")
SELECT_MF = bytes.fromhex("00A40000023F00")


def main(folder: Path) -> None:
    chip = folder / "card.chip"
    TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"daemon restart seed", "test")), SeededEntropy(1)).card(chip, Order(1))
    changes: list[Change] = []
    first = PcscRack(LAYOUT, folder / "first")
    name = first.name(SLOT)
    supervisor = ReaderSupervisor(lambda: PcscReader(name), changes.append)
    first.insert(SLOT, chip)
    answers = [answer(supervisor)]
    first.close()

    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(answer(supervisor)))
    supervisor.wait_removed(1_000)
    waiting.start()
    second = PcscRack(LAYOUT, folder / "second")
    second.insert(SLOT, chip)
    waiting.join(20)
    second.close()
    states = [change.state.value for change in changes]
    print(json.dumps({"states": states, "renewals": supervisor.renewals, "answers": answers + found}))


def answer(supervisor: ReaderSupervisor) -> str:
    channel = supervisor.next_card(15_000)
    if channel is None:
        return "no card"
    try:
        return channel.transmit(SELECT_MF)[-2:-1].hex()
    finally:
        channel.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
