"""What a command with twins brings up: a server, a rack, enrolled devices, a registry that knows its cards."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.domain.scene import Place
from firmware_sim.card.factory import REGION, Twin, TwinFactory
from firmware_sim.errors import SimError
from firmware_sim.rack import DirectRack, PcscRack, Rack
from keys.centre import KeyCentre
from keys.settings import KeysConfig, open_test_store
from server.config import ServerConfig
from server.context import Context
from server.devices import service as devices
from server.facts import service as facts
from server.main import create_app
from server.registry import service as registry
from terminal.config import TerminalConfig
from terminal.device import Device, Origin, open_device
from terminal.uplink_http import HttpUplink

START_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Row:
    """One message to the server's registry, in the shape issuance writes it."""

    position: int
    kind: str
    version: int
    at_ms: int
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class Holder:
    """A person and the cards of his; `birth` YYYYMMDD."""

    person_id: str
    name: str
    birth: str
    twins: tuple[Twin, ...]


@dataclass(frozen=True, slots=True)
class House:
    """Everything one command stands on; `folder` goes away with it."""

    folder: Path
    rack: Rack
    factory: TwinFactory
    context: Context
    url: str
    entropy: Entropy

    def device(self, kind: str, place: Place, number: int) -> Device:
        """A device with its PSAM twin `number` in slot `{kind}-psam`; called again, the same one after a restart."""
        psam, psam_no, code = self.folder / f"{kind}.psam", "", ""
        config = TerminalConfig(f"demo-{kind}-1", place.operator, place.site, place.region, self.url)
        if not psam.exists():
            psam_no = self.factory.psam(psam, number).hex()
            self.rack.insert(f"{kind}-psam", psam)
            with self.context.store.transaction() as session:
                where = (place.operator, place.site, place.region)
                code = devices.invite(self.context, session, config.device_id, kind, where)
        clock, entropy = self.context.clock, self.entropy
        origin = Origin(config, kind, clock, entropy, self.folder / kind, psam_no)
        return open_device(origin, lambda key: HttpUplink.to(self.url, config.device_id, key, clock, entropy), code)

    def register(self, holders: Sequence[Holder]) -> None:
        """Tell the server's registry whose cards these are, as issuance would."""
        rows: list[Row] = []
        at, number = self.context.now_ms(), 0
        for holder in holders:
            rows.append(Row(len(rows) + 1, "person", 1, at, _person(holder)))
            for twin in holder.twins:
                number += 1
                rows.append(Row(len(rows) + 1, "card", 1, at, _card(number, holder.person_id, twin)))
        with self.context.store.transaction() as session:
            registry.project(self.context, session, rows, [facts.follow_card])


def open_house(transport: str, slots: Sequence[str], clock: Clock, entropy: Entropy, closing: ExitStack) -> House:
    """A house whose parts `closing` closes; `transport`: `pcsc`, or `direct` in this process. SimError, KeysError."""
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="onecard-", dir="/tmp")))
    centre = KeyCentre(open_test_store(KeysConfig(data_dir=folder / "keys")))
    rack: Rack = DirectRack(entropy) if transport == "direct" else PcscRack(slots, folder / "run")
    closing.callback(rack.close)
    context, url = closing.enter_context(_server(folder, centre, clock, entropy))
    return House(folder, rack, TwinFactory(centre, entropy), context, url, entropy)


@contextmanager
def _server(folder: Path, centre: KeyCentre, clock: Clock, entropy: Entropy) -> Iterator[tuple[Context, str]]:
    """The real server in a thread of this process, on a free port of the loopback interface."""
    config = ServerConfig(data_dir=folder / "server")
    app = create_app(config, clock=clock, entropy=entropy, centre=centre)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if time.monotonic() > deadline:
            raise SimError("the server did not start")
        time.sleep(0.02)
    try:
        yield app.state.context, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_TIMEOUT_S)


def _person(holder: Holder) -> dict[str, object]:
    return {
        "person_id": holder.person_id,
        "name": holder.name,
        "id_type": "01",
        "id_no": holder.twins[0].citizen_no,
        "sex": "1",
        "nation": "01",
        "birth_date": holder.birth,
        "region": REGION.text,
        "mobile": "",
        "life_status": "1",
    }


def _card(number: int, person_id: str, twin: Twin) -> dict[str, object]:
    return {
        "card_id": twin.card_id.hex(),
        "card_no": twin.card_no,
        "person_id": person_id,
        "region": REGION.text,
        "status": "1",
        "prev_status": "0",
        "asn": twin.asn.hex(),
        "issuer": twin.issuer.hex(),
        "ecard_serial": f"4601{number:015d}",
        "ecard_status": "1",
        "bank": "102",
        "account": "",
        "account_status": "1",
        "issued": "20260101",
        "valid_to": "20360101",
        "batch": "54570001",
        "atr": "",
        "supersedes": "",
        "reason": "",
    }
