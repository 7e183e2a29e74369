"""`onecard serve` with something to browse: the server, and twin cards in readers beside it.

In production, and where there is no PC/SC daemon, the server runs alone; the twins are a stand-in and say so.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from card.domain.entropy import Entropy
from card.errors import CardError
from card.texts import both
from firmware_sim.card.factory import TWIN_PIN, Order, TwinFactory
from firmware_sim.errors import SimError
from firmware_sim.rack import SOCKET_VARIABLE, PcscRack
from keys.centre import KeyCentre
from keys.settings import load_config, open_test_store

CARDS, PSAMS = 2, 1
NO_TWINS = "--no-twins"
PRODUCTION = "production"


def run(argv: list[str], entropy: Entropy, serve: Callable[[list[str]], int]) -> int:
    """`serve` is the server's own command; it is run with every flag but ours."""
    own = [flag for flag in argv if flag != NO_TWINS]
    if NO_TWINS in argv or PRODUCTION in argv or {"-h", "--help"} & set(argv):
        if {"-h", "--help"} & set(argv):
            print(f"{NO_TWINS}: 不接模拟卡 do not put twin cards into readers\n")
        return serve(own)
    with tempfile.TemporaryDirectory(prefix="onecard-", dir="/tmp") as folder:
        try:
            rack = _twins(Path(folder), entropy)
        except (SimError, CardError) as missing:
            sys.stderr.write(f"{both(missing.code)}\n")
            return serve(own)
        try:
            _tell(rack)
            return serve(own)
        finally:
            rack.close()


def _twins(folder: Path, entropy: Entropy) -> PcscRack:
    layout = (*(f"card-{n}" for n in range(1, CARDS + 1)), *(f"psam-{n}" for n in range(1, PSAMS + 1)))
    factory = TwinFactory(KeyCentre(open_test_store(load_config(None))), entropy)
    rack = PcscRack(layout, folder)
    for number in range(1, CARDS + 1):
        path = folder / f"card-{number}.chip"
        factory.card(path, Order(number))
        rack.insert(f"card-{number}", path)
    for number in range(1, PSAMS + 1):
        path = folder / f"psam-{number}.chip"
        factory.psam(path, number)
        rack.insert(f"psam-{number}", path)
    return rack


def _tell(rack: PcscRack) -> None:
    """How another window reaches the twins; on standard error, so that --json stays one line."""
    readers = [{"slot": slot, "reader": rack.name(slot)} for slot in rack.layout]
    sys.stderr.write(
        f"模拟卡已插好 twins are in their readers, PIN {TWIN_PIN.digits}: {json.dumps(readers, ensure_ascii=False)}\n"
        f"另开窗口 in another window: export {SOCKET_VARIABLE}={rack.socket}; "
        f"onecard card read --reader '{rack.name(rack.layout[0])}'\n"
    )
