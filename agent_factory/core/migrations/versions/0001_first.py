"""The first schema."""

from __future__ import annotations

from alembic import op

from agent_factory.core.table import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Two processes may start at once: the one that comes second finds the tables there.
    metadata.create_all(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
