"""The traces that labelling shows and judges: always the clean ones, found by id without reading a whole day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select

from agent_factory.contracts.trace import Trace
from agent_factory.core import table
from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import read_body
from agent_factory.core.day import day_path
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store

_CHUNK = 400


def find_days(store: Store, project: str, trace_ids: Iterable[str]) -> dict[str, str]:
    """The day of each of a project's traces; ids that are not there are left out."""
    wanted = sorted(set(trace_ids))
    columns = table.traces.c
    found: dict[str, str] = {}
    with store.begin(read_only=True) as connection:
        for start in range(0, len(wanted), _CHUNK):
            query = select(columns.id, columns.day).where(
                columns.project == project, columns.id.in_(wanted[start : start + _CHUNK])
            )
            found.update({row.id: row.day for row in connection.execute(query)})
    return found


def read_items(artifacts: Artifacts, project: str, day: str, trace_ids: Iterable[str]) -> Iterator[Trace]:
    """The clean traces of a project's day with these ids, in the order of ids; none where the day is not clean."""
    path = day_path(project, day, "clean_events")
    wanted = sorted(set(trace_ids))
    if not wanted or not artifacts.exists(path):
        return
    rows: Any = pq.read_table(
        artifacts.locate(path), filesystem=artifacts.files, columns=["id", "body"], filters=[("id", "in", wanted)]
    )
    for row in rows.sort_by("id").to_pylist():
        trace = read_body(row["id"], row["body"], path)
        if trace is not None:
            yield trace


def read_item(store: Store, artifacts: Artifacts, project: str, trace_id: str) -> Trace:
    """One clean trace, or NotFoundError: of no such trace, or of one that is not cleaned or was dropped."""
    day = find_days(store, project, [trace_id]).get(trace_id)
    found = [] if day is None else list(read_items(artifacts, project, day, [trace_id]))
    if not found:
        raise NotFoundError(
            f"there is no clean trace {trace_id!r} in project {project!r}: "
            + ("no such trace came in" if day is None else f"it was dropped, or data/clean_events of {day} is not made")
        )
    return found[0]
