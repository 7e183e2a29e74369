"""The outside offices of a run, police desk and banks, in one process and reachable from the server's process.

The objects live with the run; the server holds proxies over a Unix socket (standard library managers). A stand-in for
the connectors of a real deployment, not a protocol.
"""

import threading
from collections.abc import Mapping
from multiprocessing.managers import BaseManager, Server
from pathlib import Path
from typing import Any

from firmware_sim.bank import SimBank
from firmware_sim.police import SimulatedPolice

KEY_FILE = "town.key"
SOCKET = "town.sock"
_OWNER_ONLY = 0o600


class _Switchboard(BaseManager):
    """Registered names are what the other process may ask for."""


class Town:
    """Serves the offices until `close`. `folder` must be short enough for a Unix socket."""

    def __init__(self, folder: Path, police: SimulatedPolice, banks: Mapping[str, SimBank], key: bytes) -> None:
        self.police = police
        self.banks = dict(banks)
        path = folder / KEY_FILE
        path.touch(mode=_OWNER_ONLY)
        path.write_bytes(key)

        class Offices(_Switchboard):
            """This town's own registry: managers keep theirs on the class."""

        Offices.register("police", callable=lambda: police)
        Offices.register("bank", callable=self._bank)
        Offices.register("codes", callable=lambda: sorted(self.banks))
        self._server: Server = Offices(str(folder / SOCKET), key).get_server()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.stop_event.set()  # type: ignore[attr-defined]
        self._server.listener.close()  # type: ignore[attr-defined]
        self._thread.join(5)

    def _bank(self, code: str) -> SimBank:
        return self.banks[code]

    def _serve(self) -> None:
        try:
            self._server.serve_forever()
        except SystemExit:
            # serve_forever ends its process by design; here it ends its thread only.
            return


def connect(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The police desk and the banks by code, as proxies. FileNotFoundError, ConnectionError when the town is closed."""

    class Offices(_Switchboard):
        """The visitor's registry."""

    for name in ("police", "bank", "codes"):
        Offices.register(name)
    manager = Offices(str(folder / SOCKET), (folder / KEY_FILE).read_bytes())
    manager.connect()
    codes = list(manager.codes()._getvalue())  # type: ignore[attr-defined]
    return manager.police(), {code: manager.bank(code) for code in codes}  # type: ignore[attr-defined]
