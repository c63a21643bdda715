"""Days that are to be made again though no trace of them came in, such as after a person overruled a decision.

Invariant: a request waits in the store until the sensor ``refresh_days`` has told Dagster of it, and is
told of at least once, also where a process ends half-way.
"""

from __future__ import annotations

from agent_factory.contracts.decision import Refresh
from agent_factory.core import clock
from agent_factory.core.day import read_day
from agent_factory.core.store import Store


def request_refresh(store: Store, project: str, day: str, reason: str) -> Refresh:
    """Ask that a project's day is made again; a request that waits already is returned as it is."""
    day = read_day(day).isoformat()
    for waiting in find_refreshes(store, project):
        if waiting.day == day:
            return waiting
    made = Refresh(id=clock.new_id("refresh"), project=project, created_at=clock.now(), day=day, reason=reason)
    store.put(made)
    return made


def find_refreshes(store: Store, project: str) -> list[Refresh]:
    """The requests of a project that Dagster was not told of, oldest first."""
    return store.find(Refresh, project=project, state="waiting")


def close_refresh(store: Store, refresh: Refresh) -> None:
    """Record that Dagster was told."""
    store.put(refresh.model_copy(update={"state": "told"}), replace=True)
