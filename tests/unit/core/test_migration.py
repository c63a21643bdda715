"""The migrations make exactly the tables that the code knows, and running them again changes nothing."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from agent_factory.core.migration import upgrade
from agent_factory.core.store import Store
from agent_factory.core.table import metadata


def test_schema_is_what_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() is not None
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_keeps_records(store: Store) -> None:
    assert store.next_number("D") == 0
    upgrade(store.engine)
    assert store.next_number("D") == 1
