"""The store of `keys`: its own SQLite file or its own PostgreSQL schema, with its own migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

SCHEMA: Final = "keys"
BUSY_TIMEOUT_MS: Final = 15_000
_MIGRATIONS: Final = Path(__file__).with_name("migrations")

metadata = sa.MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"},
)

key_rows = sa.Table(
    "key_rows",
    metadata,
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("family", sa.String(32), nullable=False),
    sa.Column("usage", sa.String(120), nullable=False),
    sa.Column("algorithm", sa.String(16), nullable=False),
    sa.Column("levels", sa.Integer, nullable=False),
    sa.Column("parent", sa.String(64), nullable=False),
    sa.Column("kcv", sa.String(6), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

psam_rows = sa.Table(
    "psam_rows",
    metadata,
    sa.Column("terminal_no", sa.String(12), primary_key=True),
    sa.Column("serial", sa.String(20), nullable=False, unique=True),
    sa.Column("assigned_terminal", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

ecard_authorisation = sa.Table(
    "ecard_authorisation",
    metadata,
    sa.Column("ecard_serial", sa.String(19), primary_key=True),
    sa.Column("card_id", sa.String(32), nullable=False, index=True),
    sa.Column("card_no", sa.String(9), nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)


def open_engine(url: str) -> Engine:
    """An engine on `url`: SQLite (a file in WAL mode, or memory) or PostgreSQL (connections see schema `keys` only)."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        statements = [f"SET search_path TO {SCHEMA}"]
    else:
        memory = {"poolclass": sa.StaticPool} if parsed.database in (None, "", ":memory:") else {}
        engine = sa.create_engine(parsed, connect_args={"check_same_thread": False}, **memory)
        statements = ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"]

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    return engine


def migrate(engine: Engine) -> None:
    """Bring the store to the newest revision; safe to call at every start."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
