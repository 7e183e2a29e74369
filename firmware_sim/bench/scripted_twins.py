"""The twins' process of a bench: the same private daemon and links, with chips that answer from a recording.

Run as `python -m firmware_sim.bench.scripted_twins RACK.json` by `firmware_sim.rack.PcscRack`.
"""

import sys
from pathlib import Path

from card.domain.entropy import Entropy
from firmware_sim.bench.tape import Script, ScriptedChip
from firmware_sim.twins import serve_rack


def load_script(path: Path, _entropy: Entropy) -> ScriptedChip:
    """The chip of the script kept in `path`."""
    return ScriptedChip(Script.load(path))


if __name__ == "__main__":
    sys.exit(serve_rack(Path(sys.argv[1]), load_script))
