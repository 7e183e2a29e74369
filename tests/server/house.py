"""A whole server in the process, and devices that speak to it as a terminal does: signed JSON over ASGI."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from card.domain.clock import SteppedClock, to_ms
from card.domain.entropy import SeededEntropy
from card.domain.envelope import batch_bytes, request_bytes
from card.domain.event import EventId, TapEvent
from keys import tac
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm3 import sm3
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from server.config import ServerConfig
from server.context import Connectors, Context
from server.main import API, CONSOLE_ID, create_app

START = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
CONSOLE_CODE = "first-console"
EPOCH = "0102030405060708"
ISSUER = "4601000000000001"


@dataclass
class Purse:
    """A purse as its card would attest it: makes MAC1 and TACs from the card's own keys."""

    asn: str
    keys: Any
    balance: int = 0
    offline_seq: int = 1
    online_seq: int = 1
    random: int = 0

    def load_wish(self, amount: int, terminal_no: str, **changes: object) -> dict[str, object]:
        self.random += 1
        card_random = self.random.to_bytes(4, "big")
        session = tac.load_session_key(self.keys["DLK"].reveal(), card_random, self.online_seq)
        data = tac.load_mac1_input(self.balance, amount, tac.TYPE_LOAD, bytes.fromhex(terminal_no))
        return {
            "asn": self.asn,
            "issuer": ISSUER,
            "online_seq": self.online_seq,
            "card_random": card_random.hex(),
            "amount": amount,
            "balance": self.balance,
            "key_version": 1,
            "algorithm": 0,
            "mac1": tac.purse_mac(session, data).hex(),
            "terminal_no": terminal_no,
            "terminal_time": "",
            "funding": "bank_account",
        } | changes

    def credit(self, wish: dict[str, Any], answer: dict[str, Any]) -> dict[str, object]:
        """What the chip does with 8052: credit itself and attest it."""
        self.balance += wish["amount"]
        moment = tac.Moment.from_digits(answer["date"], answer["time"])
        terminal = bytes.fromhex(wish["terminal_no"])
        data = tac.load_tac_input(self.balance, wish["online_seq"], wish["amount"], tac.TYPE_LOAD, terminal, moment)
        self.online_seq += 1
        return {
            "result": "tac",
            "tac": tac.tac(self.keys["DTK"].reveal(), data).hex(),
            "balance_after": self.balance,
            "online_seq_after": self.online_seq,
        }

    def debit_tac(self, amount: int, terminal_no: str, terminal_seq: int, date: str, time: str) -> str:
        moment = tac.Moment.from_digits(date, time)
        data = tac.purchase_tac_input(amount, tac.TYPE_COMPOUND, bytes.fromhex(terminal_no), terminal_seq, moment)
        return tac.tac(self.keys["DTK"].reveal(), data).hex()


@dataclass
class Reply:
    status: int
    body: dict[str, Any]


@dataclass
class Device:
    """An enrolled device: its key, its journal's end."""

    house: "House"
    device_id: str
    key: Sm2PrivateKey
    terminal_no: str = ""
    list_key: bytes = b""
    epoch: str = EPOCH
    seq: int = 0
    prev: str = ""
    nonces: int = 0
    events: list[bytes] = field(default_factory=list)

    def headers(self, method: str, path: str, content: bytes, **changes: str) -> dict[str, str]:
        self.nonces += 1
        at, nonce = to_ms(self.house.clock.now()), self.nonces.to_bytes(16, "big").hex()
        signed = request_bytes(method, path, at, nonce, sm3(content).hex())
        return {
            "Onecard-Device": self.device_id,
            "Onecard-Time": str(at),
            "Onecard-Nonce": nonce,
            "Onecard-Signature": self.key.sign(signed).hex(),
        } | changes

    def call(self, method: str, path: str, body: object = None, **changes: str) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | self.headers(method, API + path, content, **changes)
        answer = self.house.client.request(method, API + path, content=content, headers=headers)
        return Reply(answer.status_code, answer.json() if answer.content else {})

    def post(self, path: str, body: object) -> dict[str, Any]:
        reply = self.call("POST", path, body)
        assert reply.status == 200, reply.body
        return reply.body

    def get(self, path: str) -> dict[str, Any]:
        reply = self.call("GET", path)
        assert reply.status == 200, reply.body
        return reply.body

    def mint(self, kind: str, body: dict[str, Any], decision: dict[str, Any], **parts: Any) -> bytes:
        """The next event of this journal, as canonical bytes."""
        self.seq += 1
        event = TapEvent(
            type=kind,
            id=EventId(self.terminal_no, self.epoch, self.seq),
            at=parts.get("at", to_ms(self.house.clock.now())),
            facts=parts.get("facts", {"hotlist": 1, "tariff": 1, "catalogue": 1, "policy": 1, "trust": 1}),
            credential=parts.get("credential", {"kind": "purse", "medium": "", "assurance": "purse", "unproven": []}),
            decision=decision,
            body=body,
            prev=self.prev,
        )
        raw = event.to_bytes()
        self.prev = sm3(raw).hex()
        self.events.append(raw)
        return raw

    def batch(self, events: list[bytes], first: int | None = None) -> dict[str, Any]:
        """A signed upload of `events`."""
        seqs = [json.loads(raw)["id"]["seq"] for raw in events]
        begin, end, chain = first or seqs[0], seqs[-1], sm3(events[-1]).hex()
        message = batch_bytes(self.terminal_no, self.epoch, begin, end, chain)
        return {
            "terminal": self.terminal_no,
            "epoch": self.epoch,
            "first": begin,
            "last": end,
            "chain": chain,
            "events": [raw.decode() for raw in events],
            "signature": self.key.sign(message).hex(),
        }

    def upload(self, events: list[bytes]) -> dict[str, Any]:
        answer = self.house.client.post(f"{API}/events:batch", json=self.batch(events))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def verdicts(self, events: list[bytes]) -> list[tuple[str, str]]:
        return [(row["verdict"], row["code"]) for row in self.upload(events)["results"]]


@dataclass
class House:
    """The server under test and the people around it."""

    app: FastAPI
    client: TestClient
    clock: SteppedClock
    centre: KeyCentre
    console: Device = field(init=False)
    made: int = 0

    @property
    def context(self) -> Context:
        found: Context = self.app.state.context
        return found

    def key(self) -> Sm2PrivateKey:
        self.made += 1
        return Sm2PrivateKey.from_scalar((1000 + self.made).to_bytes(32, "big"))

    def enrol(self, device_id: str, kind: str, *, operator: str = "op", psam_no: str = "", code: str = "") -> Device:
        if not code:
            wish = {"device_id": device_id, "kind": kind, "operator": operator, "site": "s1", "place": "460100"}
            code = self.console.post("/operator/devices:invite", wish)["one_time_code"]
        device = Device(self, device_id, self.key())
        answer = device.post("/devices:enrol", introduction(device, kind, code, operator, psam_no))
        device.terminal_no, device.list_key = answer["terminal_no"], bytes.fromhex(answer["list_key"])
        return device

    def purse(self, number: int) -> Purse:
        asn = f"4601{number:012d}"
        return Purse(asn, self.centre.purse_keys(bytes.fromhex(ISSUER), bytes.fromhex(asn)))

    def balances(self, prefix: str = "") -> dict[str, int]:
        found: dict[str, int] = self.console.get(f"/operator/ledger/balances?prefix={prefix}")["balances"]
        return {name: fen for name, fen in found.items() if fen}

    def invariants(self) -> dict[str, Any]:
        found: dict[str, Any] = self.console.get("/operator/invariants")["invariants"]
        return found


def introduction(device: Device, kind: str, code: str, operator: str = "op", psam_no: str = "") -> dict[str, object]:
    return {
        "device_id": device.device_id,
        "kind": kind,
        "operator": operator,
        "site": "s1",
        "place": "460100",
        "public_key": device.key.public.raw().hex(),
        "one_time_code": code,
        "psam_no": psam_no,
    }


@contextmanager
def open_house(url: str, folder: Path, connectors: Connectors | None = None, **settings: Any) -> Iterator[House]:
    """A running server with its console enrolled."""
    clock, entropy = SteppedClock(START), SeededEntropy(7, "server")
    centre = KeyCentre(SoftwareHsm.from_seed(b"onecard server tests", "test"))
    config = ServerConfig(data_dir=folder, database=url, profile="test", console_code=CONSOLE_CODE, **settings)
    app = create_app(config, clock=clock, entropy=entropy, centre=centre, connectors=connectors)
    with TestClient(app, raise_server_exceptions=True) as client:
        house = House(app, client, clock, centre)
        house.console = house.enrol(CONSOLE_ID, "console", code=CONSOLE_CODE)
        yield house
