"""Runs inside `keys.database.migrate`, on the connection handed over there."""

from alembic import context

from keys.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
