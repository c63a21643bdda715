"""The store's tables. Small nouns share ``records``; traces and usage are many and have their own.

Every table of a project's own has ``project``: the tenant is a column and a filter from the first day.
A trace's id is its sender's, so it stands once in a project; the ids of records are the factory's own
(an agent's name is its project's, and its row says so: see ``Record.row_of``).
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

records = Table(
    "records",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("build", String(128)),
    Column("state", String(40)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("arrival", Integer),
    Index("records_by_build", "kind", "project", "build"),
    Index("records_by_time", "kind", "created_at"),
    Index("records_by_arrival", "kind", "project", "arrival"),
)

traces = Table(
    "traces",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False),
    Column("project", String(128), nullable=False),
    Column("day", String(10), nullable=False),
    Column("source", String(20), nullable=False),
    Column("recipe", String(128)),
    Column("session_id", String(128)),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Index("traces_by_day", "project", "day"),
    Index("traces_by_session", "project", "session_id"),
    UniqueConstraint("project", "id", name="traces_by_id"),
    sqlite_autoincrement=True,  # the number of a trace that was forgotten is not given again
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
)

usage = Table(
    "usage",
    metadata,
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
