"""A person at a counter: real commands of the front door, typed one after another, at readers of their own.

A process of its own, because a process can know one PC/SC daemon only. One JSON object a line on standard input:
{"insert": slot, "chip": path} · {"eject": slot} · {"run": [words], "typed": text}; one answer a line:
{"ok": true} or {"rc", "out", "err"}. The first line it prints names the readers.
"""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

from firmware_sim.rack import PcscRack

ROOT = Path(__file__).resolve().parents[2]


def type_in(door: dict[str, Any], words: list[str], typed: str) -> dict[str, object]:
    """One command as a shell would run it; a traceback ends up in `err`."""
    out, err = io.StringIO(), io.StringIO()
    keyboard, sys.stdin = sys.stdin, io.StringIO(typed)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = door["main"](words)
    except SystemExit as left:
        status = left.code
    finally:
        sys.stdin = keyboard
    return {"rc": status, "out": out.getvalue(), "err": err.getvalue()}


def serve(folder: Path, slots: list[str], twins: str) -> None:
    """Bring the readers up, then do as told until standard input ends."""
    rack = PcscRack(slots, folder, twins=twins)
    door = runpy.run_path(str(ROOT / "onecard.py"))
    said = sys.stdout
    try:
        print(json.dumps({slot: rack.name(slot) for slot in slots}), file=said, flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            answer: dict[str, object] = {"ok": True}
            if "insert" in order:
                rack.insert(order["insert"], Path(order["chip"]))
            elif "eject" in order:
                rack.eject(order["eject"])
            else:
                answer = type_in(door, order["run"], order.get("typed", ""))
            print(json.dumps(answer), file=said, flush=True)
    finally:
        rack.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[3:], sys.argv[2])
