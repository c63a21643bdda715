"""The first schema.

Written out as it was: the tables that the code knows today are not what later revisions change.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text

revision = "0001"
down_revision = None

_metadata = MetaData()
_instant = DateTime(timezone=True)

Table(
    "records",
    _metadata,
    Column("kind", String(40), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("build", String(128)),
    Column("state", String(40)),
    Column("created_at", _instant, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Index("records_by_build", "kind", "project", "build"),
    Index("records_by_time", "kind", "created_at"),
)
Table(
    "traces",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, unique=True),
    Column("project", String(128), nullable=False),
    Column("day", String(10), nullable=False),
    Column("source", String(20), nullable=False),
    Column("recipe", String(128)),
    Column("session_id", String(128)),
    Column("received_at", _instant, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Index("traces_by_day", "project", "day"),
    Index("traces_by_session", "session_id"),
)
Table(
    "counters",
    _metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
)
Table(
    "usage",
    _metadata,
    Column("id", String(128), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("factory", String(20), nullable=False),
    Column("build", String(128)),
    Column("day", String(10), nullable=False),
    Column("wall_seconds", Float, nullable=False),
    Column("cost", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("usage_by_build", "project", "build"),
    Index("usage_by_day", "project", "day"),
)


def upgrade() -> None:
    # Two processes may start at once: the one that comes second finds the tables there.
    _metadata.create_all(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    _metadata.drop_all(op.get_bind())
