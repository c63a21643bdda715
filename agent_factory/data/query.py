"""Which traces a dataset is made from, and reading them with their labels, a day at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import Field

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetKind
from agent_factory.contracts.record import DEFAULT_PROJECT, Count, Json, Name, Part, Share
from agent_factory.contracts.trace import Source, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.session import find_superseded
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.label import read_labels


class DatasetQuery(Part):
    """What a dataset is asked for. The same query over the same files gives the same rows.

    ``min_score`` is the label from which a trace is worth imitating, and from which it counts as the
    better one of a pair. ``recipe`` None takes traces of all recipes and of none. Of a session the last
    trace within the days is taken. ``taskset`` is the scenario set of an eval dataset.
    """

    days: tuple[str, ...] = ()
    recipe: Name | None = None
    project: Name = DEFAULT_PROJECT
    min_score: Share = 0.8
    sources: tuple[Source, ...] = ("production", "import", "rollout")
    max_pairs_per_task: int = Field(default=4, ge=1)
    taskset: Name | None = None
    seed: Count = 0


class Labelled(NamedTuple):
    """A clean trace and its label."""

    trace: Trace
    score: float
    label: Json


def make_query(spec: BuildSpec, kind: DatasetKind) -> DatasetQuery:
    """The query of a build's dataset; ``[data]`` of its settings may set ``min_score`` and ``max_pairs_per_task``."""
    if kind == "eval":
        return DatasetQuery(recipe=spec.recipe, project=spec.project, taskset=f"{spec.id}-eval", seed=spec.seed)
    chosen = spec.settings.get("data", {})
    if not isinstance(chosen, dict):
        raise InputError(f"build {spec.id!r}: its setting 'data' is {chosen!r}, expected a table")
    base = DatasetQuery(days=tuple(spec.window.days()), recipe=spec.recipe, project=spec.project, seed=spec.seed)
    return DatasetQuery.model_validate({**base.model_dump(), **chosen})


def select_superseded(artifacts: Artifacts, query: DatasetQuery) -> frozenset[str]:
    """Ids of what a query would ask for, were it not repeated by a later trace of its session."""
    paths = (day_path(query.project, day, "clean_events") for day in sorted(set(query.days)))
    there = [path for path in paths if artifacts.exists(path)]
    return find_superseded(artifacts, there, recipe=query.recipe, sources=query.sources)


def read_labelled(
    store: Store, artifacts: Artifacts, query: DatasetQuery, superseded: frozenset[str]
) -> Iterator[Labelled]:
    """The traces that a query asks for, in the order of days and ids, without the ``superseded``.

    A day without traces has no files and gives none; NotFoundError where a day has traces that were
    not cleaned and labelled.
    """
    days_with_traces = {arrival.day for arrival in TraceLog(store).arrivals(query.project)}
    for day in sorted(set(query.days)):
        path = day_path(query.project, day, "clean_events")
        if not artifacts.exists(path) or not artifacts.exists(day_path(query.project, day, "labels")):
            if day in days_with_traces:
                raise NotFoundError(
                    f"day {day} has traces, but no clean and labelled ones: materialize data/clean_events and "
                    "data/labels for it"
                )
            continue
        labels = read_labels(artifacts, query.project, day)
        for trace in artifacts.read_traces(path):
            label = labels.get(trace.id)
            if label is None:
                raise NotFoundError(f"trace {trace.id!r} of {day} has no label: materialize data/labels for that day")
            if trace.id not in superseded and _matches(trace, query):
                yield Labelled(trace, float(str(label["score"])), label)


def _matches(trace: Trace, query: DatasetQuery) -> bool:
    return (
        trace.project == query.project
        and trace.source in query.sources
        and (query.recipe is None or trace.recipe == query.recipe)
    )
