"""The store of the server: engines for SQLite and PostgreSQL, the declarative base, one transaction per request."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from sqlite3 import Connection as SqliteConnection
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    StaticPool,
    String,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

__all__ = ["Engine", "Rows", "Session", "Store", "make_engine", "put_once"]

BUSY_TIMEOUT_MS = 15_000
POOL_SIZE = 10
# Set on connections of `Store.transaction()`: SQLite then takes its one write lock at BEGIN, so nothing fails half way.
WRITES = "onecard_writes"
ENDS = "onecard.ends"

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Rows(DeclarativeBase):
    """Base of every table of this store. `int` is 64 bits (ms, fen), `str` text, `bytes` a blob."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger, str: String, bytes: LargeBinary}


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///file`, `sqlite://` (memory, also shared by `?mode=memory`) or `postgresql://...`
    (psycopg). Opens nothing yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=POOL_SIZE, pool_pre_ping=True)
    if parsed.database in (None, "", ":memory:") or parsed.query.get("mode") == "memory":
        engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(parsed, pool_size=POOL_SIZE, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(raw: SqliteConnection, _record: object) -> None:
    raw.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def put_once(session: Session, row: type[Rows], *values: Mapping[str, Any]) -> bool:
    """Insert rows unless rows with the same keys stand already (never look-then-insert).

    True when this call wrote them all, False when it wrote none; ValueError when it wrote some.
    """
    connection = session.connection()
    written = len(connection.execute(_insert_once(row, connection.dialect.name), list(values)).all())
    if written not in (0, len(values)):
        raise ValueError(f"{row.__tablename__}: {written} of {len(values)} rows are new")
    return written > 0


@lru_cache(maxsize=200)
def _insert_once(row: type[Rows], dialect: str) -> Any:
    """The statement, built once: building it costs more than running it."""
    table = row.__table__
    kind = postgresql if dialect == "postgresql" else sqlite
    # RETURNING rather than a row count: drivers disagree about the count of an insert that did nothing.
    return kind.insert(table).on_conflict_do_nothing().returning(*table.primary_key)


def before_end(session: Session, name: str, work: Callable[[Session], None]) -> bool:
    """Have `work` done once, just before the transaction of `Store.transaction()` commits; `name` replaces an earlier
    one. False when the database session was not begun there: then the caller must do it now."""
    ends: dict[str, Callable[[Session], None]] | None = session.info.get(ENDS)
    if ends is None:
        return False
    ends[name] = work
    return True


class Store:
    """One database. `transaction()` writes, `reading()` reads; both end at their block, nobody else commits."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        # An in-memory SQLite is one connection: its users take turns.
        self.in_memory = isinstance(engine.pool, StaticPool)
        self._turn = threading.RLock() if self.in_memory else nullcontext()

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises."""
        with self._turn, Session(self._writer) as session, session.begin():
            ends: dict[str, Callable[[Session], None]] = {}
            session.info[ENDS] = ends
            yield session
            for work in ends.values():
                work(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose changes are thrown away."""
        with self._turn, Session(self.engine) as session:
            yield session

    @contextmanager
    def raw_transaction(self) -> Iterator[SqliteConnection]:
        """SQLite's own connection inside `transaction()`: for the write path that is too hot for an ORM."""
        with self.transaction() as session:
            raw = session.connection().connection.driver_connection
            if not isinstance(raw, SqliteConnection):
                raise TypeError("a raw transaction needs SQLite")
            yield raw

    @property
    def dsn(self) -> str:
        """Address of a PostgreSQL store for asyncpg."""
        return self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def close(self) -> None:
        self.engine.dispose()
