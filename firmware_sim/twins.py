"""The twins' own process: a private pcscd as its child, one link a slot, and the control socket.

Run as `python -m firmware_sim.twins RACK.json`. It prints one JSON line when the readers are up (or why not), and ends
on SIGTERM or when its standard input closes, which is how it notices that its owner has died. The daemon is told by
the kernel when this process dies.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from card.domain.entropy import Entropy, SeededEntropy, SystemEntropy
from firmware_sim.card.chip import load_chip
from firmware_sim.card.dispatch import ChipCore
from firmware_sim.card.faults import Fault
from firmware_sim.card.slot import Chip, Slot
from firmware_sim.card.store import ChipFileError
from firmware_sim.card.timing import CONTACT, report
from firmware_sim.control import SOCKET_NAME, Answer, ControlServer
from firmware_sim.daemon import PcscDaemon, Programs, looks_every_ms, reader_name
from firmware_sim.errors import ReaderSilentError, SimError, SlotError
from firmware_sim.vpcd import VpcdLink

SEEN_TIMEOUT_S = 5.0
# A link thread that waits for the interpreter must not wait for the default 5 ms.
SWITCH_INTERVAL_S = 0.0005
# What makes a chip of a file; a bench brings chips of another kind.
Loader = Callable[[Path, Entropy], Chip]
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


class ChipRefusedError(SimError):
    """A chip file cannot be used."""

    code = "E-CHIP-FILE"


class Twins:
    """Slots by name, each linked to a driver port."""

    def __init__(
        self, names: Sequence[str], ports: Sequence[int], seed: int | None, load: Loader, looks_ms: int
    ) -> None:
        slots = zip(names, ports[: len(names)], strict=True)
        self._links = {name: VpcdLink(Slot(name), port, looks_ms) for name, port in slots}
        self._chips: dict[str, str] = {}
        self._seed = seed
        self._load = load
        for link in self._links.values():
            link.start()

    def serve(self, request: Mapping[str, Any]) -> Answer:
        """One control request. Raises SimError."""
        if request["do"] == "list":
            return {"slots": [self._describe(place, name) for place, name in enumerate(self._links)]}
        link = self._link(str(request["slot"]))
        if request["do"] == "insert":
            if request.get("seen_gone"):
                link.seen_gone()
            self._insert(link, Path(request["chip"]))
        elif request["do"] == "swap":
            link.eject()
            self._insert(link, Path(request["chip"]))
        elif request["do"] == "line":
            link.slot.use_line(str(request["interface"]), str(request["protocol"]))
        elif request["do"] == "lag":
            link.lag_ms = int(request["ms"])
        elif request["do"] == "eject":
            link.eject()
        elif request["do"] == "fault":
            link.slot.arm(Fault(request["kind"], int(request["ins"]), int(request["nth"])))
        elif request["do"] == "disarm":
            link.slot.disarm()
        elif request["do"] == "times":
            return _times(link.slot, str(request.get("line") or CONTACT))
        else:
            raise ValueError(f"no request {request['do']!r}")
        return {}

    def stop(self) -> None:
        """Pull every chip and end every link."""
        for link in self._links.values():
            link.stop()

    def _link(self, name: str) -> VpcdLink:
        if name not in self._links:
            raise SlotError(f"no slot {name!r}; slots: {', '.join(self._links)}")
        return self._links[name]

    def _insert(self, link: VpcdLink, path: Path) -> None:
        if link.slot.occupied:
            raise SlotError(f"slot {link.slot.name} is taken")
        try:
            chip = self._load(path, self._entropy(path))
        except ChipFileError as bad:
            raise ChipRefusedError(str(bad)) from bad
        link.slot.insert(chip)
        self._chips[link.slot.name] = str(path)
        if not link.announce(SEEN_TIMEOUT_S):
            link.eject()
            raise ReaderSilentError(f"reader of {link.slot.name} does not ask for the ATR")

    def _entropy(self, path: Path) -> Entropy:
        return SystemEntropy() if self._seed is None else SeededEntropy(self._seed, path.name)

    def _describe(self, place: int, name: str) -> dict[str, str | None]:
        last = self._chips.get(name)
        chip = last if self._links[name].slot.occupied else None
        return {"slot": name, "reader": reader_name(place), "chip": chip, "last": last}


def _times(slot: Slot, line: str) -> Answer:
    """What the chip in `slot` did since it was put in, priced for `line`. ValueError for an unknown line."""
    chip = slot.chip
    return report(chip.nv.meter.costs if isinstance(chip, ChipCore) else (), line)


def raise_loopback() -> None:
    """A new network namespace has its loopback down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def run(plan: Mapping[str, Any], stopping: threading.Event, load: Loader = load_chip) -> None:
    """Bring everything up, say so, wait, take everything down. Raises SimError when the daemon does not start."""
    folder = Path(plan["folder"])
    if plan["isolation"] == "namespace":
        raise_loopback()
    programs = Programs(Path(plan["pcscd"]), Path(plan["driver"]), plan["library_path"])
    slots, log = len(plan["slots"]), bool(plan.get("apdu_log"))
    daemon = PcscDaemon(folder, Path(plan["socket"]), programs, slots, plan["isolation"], apdu_log=log)
    daemon.start(os.getpid())
    twins = Twins(plan["slots"], daemon.ports, plan["seed"], load, looks_every_ms(plan["isolation"]))
    server = ControlServer(folder / SOCKET_NAME, twins.serve)
    try:
        print(json.dumps({"ok": True, "pcscd": daemon.pid}), flush=True)
        stopping.wait()
    finally:
        server.close()
        twins.stop()
        daemon.stop()


def _watch_owner(stopping: threading.Event) -> None:
    # Raw reads: a buffered reader's lock would be held at interpreter exit.
    while os.read(0, 1024):
        pass
    stopping.set()


def serve_rack(plan_file: Path, load: Loader = load_chip) -> int:
    """The child process from beginning to end; its exit status."""
    plan = json.loads(plan_file.read_text("utf-8"))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the owner decides
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    threading.Thread(target=_watch_owner, args=(stopping,), daemon=True).start()
    try:
        run(plan, stopping, load)
    except SimError as refused:
        print(json.dumps({"ok": False, "code": refused.code, "detail": str(refused)}), flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(serve_rack(Path(sys.argv[1])))
