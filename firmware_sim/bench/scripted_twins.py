"""The twins' process of a bench: the same private daemon and links; `*.script` files are chips that only look up.

Run as `python -m firmware_sim.bench.scripted_twins RACK.json` by `firmware_sim.rack.PcscRack`.
"""

import sys
from pathlib import Path

from card.domain.entropy import Entropy
from firmware_sim.bench.tape import Script, ScriptedChip
from firmware_sim.card.chip import load_chip
from firmware_sim.card.slot import Chip
from firmware_sim.twins import serve_rack

SCRIPT = ".script"


def load(path: Path, entropy: Entropy) -> Chip:
    """The chip kept in `path`: a script, or a twin."""
    return ScriptedChip(Script.load(path)) if path.suffix == SCRIPT else load_chip(path, entropy)


if __name__ == "__main__":
    sys.exit(serve_rack(Path(sys.argv[1]), load))
