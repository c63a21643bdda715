"""A trace's id stands once in its project, not once in the store: two projects may take the same file in."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# SQLite keeps no name of the constraint that it was given with the column; PostgreSQL calls it so.
_NAMES = {"uq": "%(table_name)s_%(column_0_name)s_key"}


def upgrade() -> None:
    with op.batch_alter_table("traces", naming_convention=_NAMES) as traces:
        traces.drop_constraint("traces_id_key", type_="unique")
        traces.create_unique_constraint("traces_by_id", ["project", "id"])
        traces.drop_index("traces_by_session")
        traces.create_index("traces_by_session", ["project", "session_id"])


def downgrade() -> None:
    """Fails, and changes nothing, where two projects have a trace of the same id."""
    with op.batch_alter_table("traces", naming_convention=_NAMES) as traces:
        traces.drop_index("traces_by_session")
        traces.create_index("traces_by_session", ["session_id"])
        traces.drop_constraint("traces_by_id", type_="unique")
        traces.create_unique_constraint("traces_id_key", ["id"])
