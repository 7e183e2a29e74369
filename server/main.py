"""Assembly of the server: the only place that knows everything."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from card.domain.clock import Clock
from card.domain.entropy import Entropy
from card.domain.identity import IdentityFormatError
from card.rules.fares import HAIKOU_BUS
from issuance.errors import IssuanceError
from keys.centre import KeyCentre
from keys.code.sign import root_entry
from server.benefit import routes as benefit_routes
from server.cases import routes as cases_routes
from server.catalogue import service as catalogue
from server.codes import routes as codes_routes
from server.config import ServerConfig
from server.context import Connectors, Context, Projector
from server.database import Session, Store, make_engine
from server.desk import routes as desk_routes
from server.devices import routes as devices_routes
from server.devices import service as devices
from server.events import routes as events_routes
from server.events.carrier import BackgroundCarrier, InlineCarrier
from server.events.projection import carry
from server.events.store import EventStore
from server.events.store_postgres import PostgresEventStore
from server.events.store_sqlite import SqliteEventStore
from server.facts import repository as facts_rows
from server.facts import routes as facts_routes
from server.facts import service as facts
from server.hotel import service as hotel
from server.http import pages, problems
from server.http.forms import Problem
from server.http.road import Pool
from server.kiosk import routes as kiosk_routes
from server.kiosk import service as kiosk
from server.migrations import upgrade
from server.notices import routes as notices_routes
from server.purse import loads, taps
from server.purse import routes as purse_routes
from server.scenic import service as scenic
from server.settlement import routes as clearing_routes

API = "/api/v1"
CONSOLE_ID = "console-1"
ROUTERS: tuple[APIRouter, ...] = (
    devices_routes.router,
    facts_routes.router,
    events_routes.router,
    notices_routes.router,
    purse_routes.router,
    codes_routes.router,
    kiosk_routes.router,
    desk_routes.router,
)
# These carry their whole prefix themselves.
MONEY_ROUTERS: tuple[APIRouter, ...] = (benefit_routes.router, cases_routes.router, clearing_routes.router)
PROBLEMS = {"4XX": {"model": Problem, "description": "RFC 9457 problem, both languages"}}


def create_app(
    config: ServerConfig, *, clock: Clock, entropy: Entropy, centre: KeyCentre, connectors: Connectors | None = None
) -> FastAPI:
    """The whole server over its migrated store. Drive it over HTTP, or in process through an ASGI transport."""
    if config.is_sqlite and config.database_url not in ("sqlite://", "sqlite:///:memory:"):
        config.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(make_engine(config.database_url))
    upgrade(store.engine)
    context = Context(config, store, clock, entropy, centre, connectors or Connectors())
    with store.transaction() as session:
        _first_facts(context, session)
    app = FastAPI(title="onecard", version="0.1.0", lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.context = context
    app.state.pool = Pool(config.worker_threads)
    app.state.events = _event_store(store, threaded=config.worker_threads > 0)
    carrier = InlineCarrier if config.carry == "inline" else BackgroundCarrier
    # What a crash left between storing and booking.
    carry_over(context)
    app.state.carrier = carrier(app.state.pool, lambda: carry_over(context))
    for router in ROUTERS:
        app.include_router(router, prefix=API, responses=PROBLEMS)  # type: ignore[arg-type]
    for router in MONEY_ROUTERS:
        app.include_router(router, responses=PROBLEMS)  # type: ignore[arg-type]
    problems.install(app, IssuanceError, IdentityFormatError)
    pages.install(app)
    return app


def carry_over(context: Context) -> int:
    """Carry what was stored into the books, then on to those outside who wait for it."""
    return carry(context, PROJECTORS) + hotel.forward(context)


def close(app: FastAPI) -> None:
    """Let go of the store; for in-process servers that run no lifespan."""
    app.state.pool.close()
    app.state.context.store.close()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.carrier.close()
    await app.state.events.close()
    close(app)


def _event_store(store: Store, *, threaded: bool) -> EventStore:
    return PostgresEventStore(store.dsn) if store.is_postgresql else SqliteEventStore(store, threaded=threaded)


def _first_facts(context: Context, session: Session) -> None:
    """What a new server needs before its first device: lists, catalogue, the roots of the codes, a console's code."""
    facts.open_hotlist(context, session)
    if catalogue.current(session)[0] == 0:
        catalogue.publish(context, session, catalogue.default_items(), "onecard")
    if facts_rows.newest(session, "tariff") is None:
        facts.publish(context, session, "tariff", [HAIKOU_BUS.to_entry()])
    if facts_rows.newest(session, "trust") is None:
        facts.publish(context, session, "trust", [root_entry(context.centre.hsm).to_entry()])
    if facts_rows.newest(session, "policy") is None:
        facts.publish(context, session, "policy", [])
    code = context.config.console_code
    if code:
        place = ("onecard", "desk", context.config.region)
        devices.keep_invitation(session, code, CONSOLE_ID, "console", place, context.now_ms())


PROJECTORS: Mapping[str, Projector] = {
    "bus": taps.project,
    "resolution": taps.resolve,
    "hotel": hotel.project,
    "scenic": scenic.project,
    "load": loads.project,
    "kiosk": kiosk.project,
    "counter": kiosk.project,
}
