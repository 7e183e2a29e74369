"""The twins' process with cards that misbehave by script. A sound twin works inside; some of its answers are bent.

Run as `python -m tests.contract.bad_twins RACK.json` by `firmware_sim.rack.PcscRack`. Beside a chip file `x.chip` lies
`x.json`, read again at every command: {"atr": hex, "rules": [{"head": hex, "answer": hex, "late_s": 0.0, "do": ""}]}.
The first rule whose `head` begins the command answers: with `answer` (unless empty), after `late_s`; `do` "pull" tears
the card out, "vanish" ends this process and with it the reader and the daemon.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from card.domain.entropy import Entropy
from firmware_sim.card.chip import load_chip
from firmware_sim.card.faults import FaultPlan, PowerLostError
from firmware_sim.card.slot import Chip
from firmware_sim.twins import serve_rack


class BentChip:
    """A chip that answers some commands as its script says."""

    def __init__(self, inner: Chip, script: Path) -> None:
        self._inner = inner
        self._script = script
        self._rules: list[dict[str, Any]] = []
        self._atr = b""
        self._read()

    @property
    def atr(self) -> bytes:
        return self._atr or self._inner.atr

    def power_on(self, interface: str = "contact", protocol: str = "") -> None:
        self._inner.power_on(interface, protocol)

    def process(self, apdu: bytes) -> bytes:
        self._read()
        rule = next((rule for rule in self._rules if apdu.hex().startswith(rule["head"].lower())), None)
        if rule is None:
            return self._inner.process(apdu)
        if rule.get("do") == "pull":
            raise PowerLostError("the script pulls the card")
        if rule.get("do") == "vanish":
            os._exit(3)
        time.sleep(rule.get("late_s", 0))
        return bytes.fromhex(rule["answer"]) if rule.get("answer") else self._inner.process(apdu)

    def plan_faults(self, plan: FaultPlan) -> None:
        self._inner.plan_faults(plan)

    def close(self) -> None:
        self._inner.close()

    def _read(self) -> None:
        script = json.loads(self._script.read_text("utf-8")) if self._script.exists() else {}
        self._rules = script.get("rules", [])
        self._atr = bytes.fromhex(script.get("atr", ""))


def load_bent(path: Path, entropy: Entropy) -> BentChip:
    """The chip of `path`, bent by the script beside it."""
    return BentChip(load_chip(path, entropy), path.with_suffix(".json"))


if __name__ == "__main__":
    sys.exit(serve_rack(Path(sys.argv[1]), load_bent))
