"""Which traces a dataset or a file holds, and how they ended: failures told, the rest counted.

Invariant: a trace counts once for each source that holds it; its outcome is the one that its clean copy
or its rollout carries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.lineage import Contents, TraceLine
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.data.rollout import list_rollouts


class Contained(NamedTuple):
    """A source: a dataset's rows or a file of traces (of these only a recipe's, where one is named)."""

    kind: str
    name: str
    recipe: str | None = None
    manifest: DatasetManifest | None = None


def read_contents(artifacts: Artifacts, project: str, sources: Sequence[Contained], limit: int) -> Contents:
    """The traces of all sources by outcome; the first ``limit`` failures with their reasons."""
    by_outcome: Counter[str] = Counter()
    by_source: Counter[str] = Counter()
    failures: list[TraceLine] = []
    for source in sources:
        for role, trace in _read(artifacts, project, source):
            success = None if trace.outcome is None else trace.outcome.success
            by_outcome["unknown" if success is None else "success" if success else "failure"] += 1
            by_source[source.name] += 1
            if success is False and len(failures) < limit:
                failures.append(_to_line(trace, role, source.name))
    return Contents(
        total=by_outcome.total(), by_outcome=dict(by_outcome), by_source=dict(by_source), failures=tuple(failures)
    )


def _read(artifacts: Artifacts, project: str, source: Contained) -> Iterator[tuple[str, Trace]]:
    if source.manifest is None:
        if artifacts.exists(source.name):
            role = "rollout" if source.name.startswith("builds/") else "read in pretraining"
            for trace in artifacts.read_traces(source.name):
                if trace.project == project and source.recipe in (None, trace.recipe):
                    yield role, trace
        return
    roles = _roles_of(artifacts, source.manifest)
    for path in paths_of(artifacts, project, source.manifest):
        for trace in artifacts.read_traces(path):
            if role := roles.pop(trace.id, None):
                yield role, trace


def _roles_of(artifacts: Artifacts, manifest: DatasetManifest) -> dict[str, str]:
    """As what each trace stands in the rows."""
    pairs = "pairing" in manifest.columns
    roles: dict[str, str] = {}
    for path in manifest.paths():
        if not artifacts.exists(path):
            continue
        for row in artifacts.read_rows(path, ("trace_ids",), batch=5000):
            for index, name in enumerate(row["trace_ids"]):
                role = ("better of a pair", "worse of a pair")[min(index, 1)] if pairs else "imitated"
                roles[name] = role if manifest.kind != "eval" else "held out"
    return roles


def paths_of(artifacts: Artifacts, project: str, manifest: DatasetManifest) -> list[str]:
    """Where the traces of a dataset are: the days and rollouts that its query names."""
    days, builds = manifest.query.get("days"), manifest.query.get("rollouts_of")
    paths = [day_path(project, str(day), "clean_events") for day in days or ()] if isinstance(days, list) else []
    if isinstance(builds, list):
        paths += [path for build in builds for path in list_rollouts(artifacts, str(build))]
    return [path for path in paths if artifacts.exists(path)]


def _to_line(trace: Trace, role: str, source: str) -> TraceLine:
    level, kind = trace.metadata.get("level"), trace.metadata.get("kind")
    outcome = trace.outcome
    reasons = () if outcome is None else (*outcome.reasons, *outcome.policy_violations)
    return TraceLine(
        id=trace.id,
        role=role,
        source=source,
        success=None if outcome is None else outcome.success,
        level=None if level is None else str(level),
        kind=None if kind is None else str(kind),
        reasons=reasons + ((trace.failure,) if trace.failure else ()),
    )
