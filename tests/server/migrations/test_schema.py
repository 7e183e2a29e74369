"""The migrations make exactly the tables that the rows declare, on both engines, and may be run again."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import server.main
from server.database import Rows, Store
from server.migrations import upgrade


def test_migrated_tables_are_the_declared_tables(store: Store) -> None:
    assert server.main.API
    upgrade(store.engine)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Rows.metadata) == []
