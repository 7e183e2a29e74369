"""The server's process of the intake bench: the real server, and beside its route a bare one on the same engine.

Run as `python -m firmware_sim.bench.intake_serving PLAN.json`; prints one JSON line with its port when it listens, and
ends when its owner closes its standard input.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response

from card.domain.clock import SteppedClock
from card.domain.entropy import SeededEntropy
from firmware_sim.bench.street import START, open_centre
from firmware_sim.bench.uploads import BARE_PATH, BIRTH, WAITING_PATH, riders
from firmware_sim.card.factory import ISSUER
from server.config import ServerConfig
from server.database import Session, Store
from server.devices import repository as devices
from server.devices.device import Device
from server.events import repository as events
from server.main import create_app
from server.registry import repository as registry

BARE_TABLE_SQLITE = "CREATE TABLE IF NOT EXISTS bench_bare (id INTEGER PRIMARY KEY, raw BLOB NOT NULL)"
BARE_TABLE_POSTGRES = "CREATE TABLE IF NOT EXISTS bench_bare (id bigserial PRIMARY KEY, raw bytea NOT NULL)"
BARE_CONNECTIONS = 4
# A client's line may rest while the other side of a pair is measured or batches are made.
IDLE_S = 600


class BareUpload(msgspec.Struct):
    """All the bare route wants of an upload."""

    events: list[str]


def bare_sqlite(store: Store, app: FastAPI) -> APIRouter:
    """One insert an event, one transaction a batch, on the server's own SQLite file with its own settings."""
    router, turn = APIRouter(), asyncio.Lock()
    with store.raw_transaction() as raw:
        raw.execute(BARE_TABLE_SQLITE)

    def insert(events: list[str]) -> None:
        with store.raw_transaction() as raw:
            for event in events:
                raw.execute("INSERT INTO bench_bare (raw) VALUES (?)", (event.encode(),))

    @router.post(BARE_PATH)
    async def bare(request: Request) -> Response:
        events = msgspec.json.decode(await request.body(), type=BareUpload).events
        async with turn:  # SQLite has one writer; queueing here is cheaper than its busy timer
            await app.state.pool.run(lambda: insert(events))
        return Response(b'{"stored":%d}' % len(events), media_type="application/json")

    return router


def bare_postgres(store: Store, app: FastAPI) -> APIRouter:
    """The same on the server's own PostgreSQL, by the same driver as its intake, a connection a client."""
    router = APIRouter()
    with store.transaction() as session:
        session.connection().exec_driver_sql(BARE_TABLE_POSTGRES)

    @router.post(BARE_PATH)
    async def bare(request: Request) -> Response:
        if not hasattr(app.state, "bare_pool"):
            app.state.bare_pool = await asyncpg.create_pool(store.dsn, min_size=1, max_size=BARE_CONNECTIONS)
        events = msgspec.json.decode(await request.body(), type=BareUpload).events
        async with app.state.bare_pool.acquire() as connection, connection.transaction():
            await connection.executemany(
                "INSERT INTO bench_bare (raw) VALUES ($1)", [(event.encode(),) for event in events]
            )
        return Response(b'{"stored":%d}' % len(events), media_type="application/json")

    return router


def waiting(store: Store) -> APIRouter:
    """How many stored events the books still wait for."""
    router = APIRouter()

    @router.post(WAITING_PATH)
    def count() -> int:
        with store.reading() as session:
            return events.waiting(session)

    return router


def enrol(session: Session, validators: list[dict[str, str]]) -> None:
    """The bench's validators and riders, as enrolment and the outbox would have left them."""
    for who in validators:
        place = ("haikou-bus", "line-k1", "460100")
        key = bytes.fromhex(who["public_key"])
        devices.save(session, Device(who["terminal_no"], who["terminal_no"], "bus", *place, public_key=key))
    for rider in riders():
        registry.project_person(session, _person(rider.person_id))
        registry.project_card(session, _card(rider.card_id, rider.person_id, rider.purse_no))


def _person(person_id: str) -> dict[str, Any]:
    told = dict.fromkeys(registry.PERSON_FIELDS, "")
    return {**told, "person_id": person_id, "version": 1, "birth_date": BIRTH, "life_status": "1"}


def _card(card_id: str, person_id: str, asn: str) -> dict[str, Any]:
    told = dict.fromkeys(registry.CARD_FIELDS, "")
    known = {"card_id": card_id, "person_id": person_id, "asn": asn, "issuer": ISSUER.hex(), "status": "1"}
    return {**told, **known, "version": 1, "changed_at": 0}


def serve(plan: dict[str, Any]) -> None:
    """Until told to stop."""
    config = ServerConfig(data_dir=Path(plan["data"]), database=plan["database"], profile="test", carry="background")
    centre = open_centre()
    app = create_app(config, clock=SteppedClock(START), entropy=SeededEntropy(8, "server"), centre=centre)
    store: Store = app.state.context.store
    with store.transaction() as session:
        enrol(session, plan["devices"])
    app.include_router(waiting(store))
    app.include_router((bare_postgres if store.is_postgresql else bare_sqlite)(store, app))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=IDLE_S))
    threading.Thread(target=_end_with_owner, daemon=True).start()
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    server.run(sockets=[listener])


def _end_with_owner() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text("utf-8")))
