"""A day's traces as they came in: the inbox written as one parquet file. It holds personal data."""

from __future__ import annotations

from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import Aside
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.day import DayFile, write_day


def write_events_day(store: Store, artifacts: Artifacts, project: str, day: str) -> DayFile:
    """Write the day's ``events`` in the order of trace ids; a day without traces gives no rows.

    A trace that cannot be read is set aside and told.
    """
    aside = Aside()
    file = write_day(artifacts, project, day, "events", TraceLog(store).of_day(day, project, aside))
    return file.model_copy(update={"set_aside": aside.tell()})
