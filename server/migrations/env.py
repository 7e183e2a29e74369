"""Run by Alembic: migrates over the connection that `upgrade` hands in."""

from alembic import context

from server.database import Rows

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Rows.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
