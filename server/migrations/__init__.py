"""Alembic migrations of the server's store; `upgrade(engine)` brings any store to the newest form."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from server.database import Engine

FOLDER = Path(__file__).parent


def configuration() -> Config:
    """Alembic's configuration without a file: the folder is the whole of it."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def upgrade(engine: Engine) -> None:
    """Apply what is missing; every branch, so a feature may bring its own chain of revisions."""
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
