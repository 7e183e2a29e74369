"""Alembic's entry: runs on the connection that `issuance.database.migrate` hands over."""

from alembic import context

from issuance.rows import Base


def run() -> None:
    """Upgrade in one transaction; there is no offline mode."""
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


run()
