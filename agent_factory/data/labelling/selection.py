"""What a judge is asked about: the golden set that people labelled, or the most informative items."""

from __future__ import annotations

from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.data.labelling.candidate import read_candidates
from agent_factory.data.labelling.feedback import read_feedback, read_preferences
from agent_factory.data.labelling.item import find_days, read_items
from agent_factory.data.labelling.prompt import Task
from agent_factory.data.labelling.queue import read_policy


def select_items(
    store: Store, artifacts: Artifacts, project: str, task: Task, *, golden: bool, limit: int
) -> list[list[Trace]]:
    """At most ``limit`` items of clean traces: pairs for "pair", else single ones. InputError where there is none."""
    if golden:
        ids = _golden(store, project, task)
    else:
        kind = "compare" if task == "pair" else "score"
        candidates = read_candidates(store, artifacts, project, kind, read_policy(store, project).days)
        ids = [candidate.trace_ids for candidate in candidates]
    chosen = ids[:limit]
    traces = _read(store, artifacts, project, {name for item in chosen for name in item})
    found = [[traces[name] for name in item] for item in chosen if all(name in traces for name in item)]
    if not found:
        where = "that people labelled" if golden else "in the labelled days"
        raise InputError(
            f"there is nothing {where} in project {project!r} to judge: prepare days by `factory data prepare`"
            + (", and label some traces at /label" if golden else "")
        )
    return found


def _golden(store: Store, project: str, task: Task) -> list[tuple[str, ...]]:
    if task == "pair":
        return [(pair.better, pair.worse) for pair in read_preferences(store, project)]
    given = read_feedback(store, project)
    return [(name,) for name in sorted(given) if any(one.kind == "person" for one in given[name])]


def _read(store: Store, artifacts: Artifacts, project: str, names: set[str]) -> dict[str, Trace]:
    days: dict[str, list[str]] = {}
    for name, day in find_days(store, project, names).items():
        days.setdefault(day, []).append(name)
    return {trace.id: trace for day in sorted(days) for trace in read_items(artifacts, project, day, days[day])}
