"""Removes what is kept of a person from the database, so that its files do not hold it any more.

Invariant: removing what is not there does nothing. What backups, replicas and file systems keep of old
files is beyond it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from agent_factory.core.store import Store
from agent_factory.core.table import records, traces

_CHUNK = 400
_WAIT_SECONDS = 10.0
_OF_TRACES = (
    "Assignment",
    "Delivery",
    "Feedback",
    "Intake",
    "Judgement",
    "Overruling",
    "Preference",
    "Session",
    "SessionMemory",
    "SessionTurn",
)
"""Kinds of records that speak of single traces or sessions.

What imports tell of rows that they could not read is the data factory's own to find; all others only count or name
things of the factory.
"""


def find_records(store: Store, project: str, matches: Callable[[str, Any], bool]) -> list[tuple[str, str]]:
    """Kind and id of the records of single traces and sessions that match, given as text and as JSON."""
    query = select(records.c.kind, records.c.id, records.c.body).where(
        records.c.project == project, records.c.kind.in_(_OF_TRACES)
    )
    with store.begin(read_only=True) as connection:
        rows = connection.execute(query.execution_options(yield_per=_CHUNK))
        return [(row.kind, row.id) for row in rows if matches(row.body, json.loads(row.body))]


def count_records(store: Store, project: str) -> int:
    """How many records of single traces and sessions a project has."""
    query = select(func.count()).where(records.c.project == project, records.c.kind.in_(_OF_TRACES))
    with store.begin(read_only=True) as connection:
        return connection.execute(query).scalar_one()


def erase_traces(store: Store, project: str, ids: Sequence[str]) -> int:
    """Remove traces from the inbox; returns how many were there."""
    gone = 0
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        with store.begin() as connection:
            gone += connection.execute(
                delete(traces).where(traces.c.project == project, traces.c.id.in_(some))
            ).rowcount
    return gone


def erase_records(store: Store, project: str, keys: Iterable[tuple[str, str]]) -> int:
    """Remove records of a project by kind and id; returns how many were there."""
    gone = 0
    for kind, name in keys:
        with store.begin() as connection:
            where = (records.c.project == project, records.c.kind == kind, records.c.id == name)
            gone += connection.execute(delete(records).where(*where)).rowcount
    return gone


def settle_erasure(store: Store) -> bool:
    """Bring what was removed out of the database's files; False where a reader held it up for ten seconds."""
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in (traces, records):
                connection.exec_driver_sql(f"VACUUM {table.name}")
        return True
    connection = store.engine.raw_connection()
    try:
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            # The write-ahead log holds the old pages until it is begun anew.
            busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy or time.monotonic() >= end:
                return not busy
            time.sleep(0.1)
    finally:
        connection.close()
