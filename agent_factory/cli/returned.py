"""The proof that a conversation came back as data: its traces stand in the day's clean events."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from agent_factory.cli.output import say
from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path, day_scope
from agent_factory.core.error import DeadlineError, WorkerError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog

RETURN_SECONDS = 240.0
_LAST = "labels"


def show_return(
    store: Store,
    artifacts: Artifacts,
    project: str,
    session: str,
    since: datetime,
    *,
    check: Callable[[], None],
    deadline_seconds: float = RETURN_SECONDS,
) -> StageRun:
    """Wait until the traces of a project's session stand in their day's clean events and the day is labeled; tell it.

    Raises DeadlineError where they do not come back in time.
    """
    traces = TraceLog(store).of_session(session, project)
    if not traces:
        raise WorkerError(f"session {session!r} left no trace in the store: see the API's log")
    day = traces[-1].day
    say(f"  {len(traces)} traces of the session are in the store; waiting for them in the data of {day}")
    events, run = _wait_for_day(store, project, day, since, check, time.monotonic() + deadline_seconds)
    wanted = {trace.id for trace in traces if trace.steps}
    clean = artifacts.read_traces(day_path(project, day, "clean_events"))
    found = sum(1 for trace in clean if trace.id in wanted)
    if found < len(wanted):
        raise WorkerError(
            f"the data of {day} was made again, but has {found} of the session's {len(wanted)} traces in clean_events"
        )
    say(
        f"  partition {day} of data/events, data/clean_events and data/labels was materialized again "
        f"at {run.updated_at:%H:%M:%S}: reported by {events.measured['reported_by']}, "
        f"run by {run.measured['requested_by']}; "
        f"clean_events has all {found} of them"
    )
    return run


def _wait_for_day(
    store: Store, project: str, day: str, since: datetime, check: Callable[[], None], end: float
) -> tuple[StageRun, StageRun]:
    """The stages that made the day's events and its labels."""
    scope = day_scope(project, day)
    while True:
        events = store.peek(StageRun, f"{scope}.data.events")
        last = store.peek(StageRun, f"{scope}.data.{_LAST}")
        # The run must have begun after the conversation, so that its events hold all of it.
        if events and last and events.started_at > since and last.started_at > since and last.state == "done":
            return events, last
        if last is not None and last.state == "failed" and last.updated_at > since:
            raise WorkerError(f"stage {last.id} failed: {last.error}")
        check()
        if time.monotonic() > end:
            raise DeadlineError(
                f"the conversation's traces did not come back as data of {day} by {clock.now():%H:%M:%S}: "
                "see the ticks of the sensors return_traces and refresh_day_data"
            )
        time.sleep(1.0)
