"""Alembic's entry: runs the migrations on the connection that ``migration.upgrade`` holds."""

from __future__ import annotations

from alembic import context

from agent_factory.core.table import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
