"""Which traces a dataset is made from, and reading them with their labels, a day at a time.

Invariant: what is yielded follows from the query and the files alone; each trace that is looked at is
counted, by the reason for which it was left out where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetKind, Filters
from agent_factory.contracts.record import DEFAULT_PROJECT, Json, Name
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.decision import read_clusters, read_flagged
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.session import find_superseded
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.cleaning.repeat import find_repeats
from agent_factory.data.forgotten import Forgotten
from agent_factory.data.label import read_labels
from agent_factory.data.rollout import read_rollouts_of


class DatasetQuery(Filters):
    """What a dataset is asked for. The same query over the same files gives the same rows.

    ``recipe`` None takes traces of all recipes and of none. Of a session the last trace within the days
    is taken. ``taskset`` is the scenario set of an eval dataset.
    """

    days: tuple[str, ...] = ()
    project: Name = DEFAULT_PROJECT
    taskset: Name | None = None


class Labelled(NamedTuple):
    """A clean trace and its label."""

    trace: Trace
    score: float
    label: Json


def make_query(spec: BuildSpec, kind: DatasetKind) -> DatasetQuery:
    """The query of a build's dataset; ``[data]`` of its settings may set any of ``Filters``."""
    if kind == "eval":
        return DatasetQuery(recipe=spec.recipe, project=spec.project, taskset=f"{spec.id}-eval", seed=spec.seed)
    chosen = spec.settings.get("data", {})
    if not isinstance(chosen, dict):
        raise InputError(f"build {spec.id!r}: its setting 'data' is {chosen!r}, expected a table")
    base = DatasetQuery(days=tuple(spec.window.days()), recipe=spec.recipe, project=spec.project, seed=spec.seed)
    return DatasetQuery.model_validate({**base.model_dump(), **chosen})


class Selection:
    """The traces that a query asks for, in the order of days and ids; ``counts`` tells how it went.

    Iterate once. A day without traces has no files and gives none; NotFoundError where a day has traces
    that were not cleaned and labelled.
    """

    def __init__(self, store: Store, artifacts: Artifacts, query: DatasetQuery) -> None:
        self.store = store
        self.artifacts = artifacts
        self.query = query
        self.counts: Counter[str] = Counter()
        self._copies: frozenset[str] = frozenset()
        self._forgotten = Forgotten(store, query.project)

    def __iter__(self) -> Iterator[Labelled]:
        days = [day for day in sorted(set(self.query.days)) if self._is_there(day)]
        superseded = self._find_superseded(days)
        if not self.query.flagged:
            self._copies = frozenset(find_repeats(self.artifacts, self.query.project, days))
        for day in days:
            yield from self._taken(self._read_day(day), superseded, self._read_clusters(day), self._read_flagged(day))
        for build in self.query.rollouts_of:
            rollouts = read_rollouts_of(self.store, self.artifacts, self.query.project, build)
            yield from self._taken(map(_label_rollout, rollouts), frozenset(), {}, frozenset())

    def _is_there(self, day: str) -> bool:
        paths = [day_path(self.query.project, day, name) for name in ("clean_events", "labels")]
        if all(self.artifacts.exists(path) for path in paths):
            return True
        if any(arrival.day == day for arrival in TraceLog(self.store).arrivals(self.query.project)):
            raise NotFoundError(
                f"day {day} has traces, but no clean and labelled ones: materialize data/clean_events and "
                "data/labels for it"
            )
        return False

    def _find_superseded(self, days: list[str]) -> frozenset[str]:
        """Ids of what would be asked for, were it not repeated by a later trace of its session."""
        paths = [day_path(self.query.project, day, "clean_events") for day in days]
        return find_superseded(self.artifacts, paths, recipe=self.query.recipe, sources=self.query.sources)

    def _read_day(self, day: str) -> Iterator[Labelled]:
        labels = read_labels(self.artifacts, self.query.project, day)
        for trace in self.artifacts.read_traces(day_path(self.query.project, day, "clean_events")):
            label = labels.get(trace.id)
            if label is None:
                raise NotFoundError(f"trace {trace.id!r} of {day} has no label: materialize data/labels for that day")
            yield Labelled(trace, float(str(label["score"])), label)

    def _read_clusters(self, day: str) -> dict[str, str]:
        return read_clusters(self.artifacts, self.query.project, day) if self.query.clusters else {}

    def _read_flagged(self, day: str) -> frozenset[str]:
        return frozenset() if self.query.flagged else read_flagged(self.artifacts, self.query.project, day)

    def _taken(
        self, told: Iterator[Labelled], superseded: frozenset[str], clusters: dict[str, str], flagged: frozenset[str]
    ) -> Iterator[Labelled]:
        for labelled in told:
            self.counts["traces"] += 1
            reason = _reason_against(labelled, self.query, clusters)
            if self._forgotten.holds(labelled.trace):
                reason = "forgotten"
            if reason is None and labelled.trace.id in superseded:
                reason = "superseded"
            if reason is None and labelled.trace.id in flagged:
                reason = "flagged"
            if reason is None and labelled.trace.id in self._copies:
                reason = "near copy of another day"
            if reason is None:
                yield labelled
            else:
                self.counts[f"left out: {reason}"] += 1


def called_tools(trace: Trace) -> tuple[str, ...]:
    """Names of the tools that the agent called, in order, each once."""
    return tuple(dict.fromkeys(call.name for step in trace.steps for call in step.action.tool_calls))


def _reason_against(labelled: Labelled, query: DatasetQuery, clusters: dict[str, str]) -> str | None:
    """The first filter that the trace does not pass, by name."""
    trace = labelled.trace
    outcome = "unknown" if trace.outcome is None else "success" if trace.outcome.success else "failure"
    passed = {
        "recipe": trace.project == query.project and query.recipe in (None, trace.recipe),
        "source": trace.source in query.sources,
        "outcome": query.outcome in (None, outcome),
        "label": not query.labels or labelled.label["kind"] in query.labels,
        "informing label": query.informing or labelled.label["standing"] == "gate",
        "level": not query.levels or str(trace.metadata.get("level")) in query.levels,
        "tool": not query.tools or not set(query.tools).isdisjoint(called_tools(trace)),
        "cluster": not query.clusters or clusters.get(trace.id) in query.clusters,
    }
    return next((name for name, good in passed.items() if not good), None)


def _label_rollout(trace: Trace) -> Labelled:
    """A rollout carries its grade: nobody else labels it."""
    graded = trace.outcome is not None and trace.outcome.success
    by = "nobody" if trace.outcome is None else trace.outcome.graded_by
    label: Json = {"score": float(graded), "kind": "outcome", "labeler": by, "standing": "gate"}
    return Labelled(trace, float(graded), label)
