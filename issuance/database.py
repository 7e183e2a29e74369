"""The issuance store: its engine, its migrations, its transactions. SQLite by default, PostgreSQL by URL."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

SCHEMA: Final = "issuance"
BUSY_MS: Final = 30_000
_READING: Final = "onecard_reading"

# SQLite has one writer; a lock in the process is fairer than its busy loop, and an in-memory store has one connection.
_WRITERS: "WeakKeyDictionary[Engine, threading.RLock]" = WeakKeyDictionary()

__all__ = ["Engine", "Session", "migrate", "open_store", "reading", "transaction"]


def open_store(url: str, *, schema: str = SCHEMA) -> Engine:
    """An engine on `url` ("sqlite:///file", "sqlite://" in memory, "postgresql+psycopg://..."), migrated to the
    newest tables. On PostgreSQL everything lives in `schema`, which is made when missing."""
    engine = _sqlite(url) if url.startswith("sqlite") else _postgres(url, schema)
    migrate(engine)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the store to the newest version; does nothing when it is there."""
    config = Config()
    config.set_main_option("script_location", str(files("issuance").joinpath("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """All or nothing. Do not nest; on SQLite writers of one process wait for each other here."""
    with _writer(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent look that keeps no writer waiting; nothing that is changed in it is kept."""
    if isinstance(engine.pool, StaticPool):  # one connection, shared with the writers
        with transaction(engine) as session:
            yield session
        return
    with Session(engine.execution_options(**{_READING: True})) as session:
        yield session


@contextmanager
def _writer(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return
    with _WRITERS.setdefault(engine, threading.RLock()):
        yield


def _sqlite(url: str) -> Engine:
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": BUSY_MS / 1000}}
    if url in ("sqlite://", "sqlite:///:memory:"):
        options["poolclass"] = StaticPool
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        looking = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if looking else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: str, schema: str) -> Engine:
    engine = create_engine(url, pool_size=12, connect_args={"options": f"-csearch_path={schema}"})
    with engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    return engine
