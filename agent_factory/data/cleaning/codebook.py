"""The project's codebook of clusters: kept as records by version, the newest one counts.

Model: the first day with enough traces fits version 1; days after it are assigned. How far tasks have
moved is the drift: the share of a day's traces that lie farther from their cluster than 95 % of those
did that the codebook was fitted on (5 % where nothing moved). Refitting is a person's call.
Invariant: where two days fit at once, one codebook is kept and both use it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence

from agent_factory.contracts.decision import Codebook
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.decision import read_flagged
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError, InputError
from agent_factory.core.refresh import request_refresh
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.cleaning.cluster import ENOUGH, fit_clusters, read_terms

DRIFTED = 0.25
"""The share of far traces from which a refit is worth looking at."""
_FITTED_ON = 2000


def newest_codebook(store: Store, project: str) -> Codebook | None:
    """The codebook that days are assigned by now, or None where there were never enough traces."""
    return max(store.find(Codebook, project=project), key=lambda found: found.version, default=None)


def fit_codebook(store: Store, project: str, days: Sequence[str], traces: Iterable[Trace], version: int) -> Codebook:
    """Fit and keep a version, from at most 2,000 of the traces (those whose ids hash lowest).

    Raises InputError where there are too few. Where another process kept that version first, returns it.
    """
    sample = heapq.nsmallest(_FITTED_ON, ((_rank(trace.id), trace.id, read_terms(trace)) for trace in traces))
    if len(sample) < ENOUGH:
        raise InputError(
            f"{len(sample)} traces of {', '.join(days)} can be clustered, {ENOUGH} are needed: give more days"
        )
    fit = fit_clusters([terms for _, _, terms in sorted(sample, key=lambda item: item[1])])
    made = Codebook(
        id=f"codebook-{digest_json(project)[:16]}-v{version}",
        project=project,
        created_at=clock.now(),
        version=version,
        fitted_on=tuple(days),
        traces=len(sample),
        weights=fit.weights,
        clusters=fit.clusters,
        reach=fit.reach,
        silhouette=fit.silhouette,
    )
    try:
        store.put(made)
    except ConflictError:
        return store.get(Codebook, made.id)
    return made


def refit_codebook(store: Store, artifacts: Artifacts, project: str, days: Sequence[str]) -> Codebook:
    """Fit the next version on clean days, and ask that all days of the project are made again with it."""
    newest = newest_codebook(store, project)
    version = 1 if newest is None else newest.version + 1
    there = [day for day in sorted(set(days)) if artifacts.exists(day_path(project, day, "clean_events"))]
    if not there:
        raise InputError(f"none of the days {', '.join(days) or '(none given)'} of project {project!r} was cleaned yet")
    made = fit_codebook(store, project, there, _unflagged(artifacts, project, there), version)
    for arrival in TraceLog(store).arrivals(project):
        request_refresh(store, project, arrival.day, f"clusters were fitted anew: {made.id}")
    return made


def measure_drift(codebook: Codebook, similarities: Sequence[float]) -> float | None:
    """The share of traces beyond the codebook's reach, or unlike all clusters; None where there are no traces."""
    if not similarities:
        return None
    return sum(similarity < codebook.reach or similarity <= 0 for similarity in similarities) / len(similarities)


def _unflagged(artifacts: Artifacts, project: str, days: Sequence[str]) -> Iterator[Trace]:
    for day in days:
        flagged = read_flagged(artifacts, project, day)
        for trace in artifacts.read_traces(day_path(project, day, "clean_events")):
            if trace.id not in flagged:
                yield trace


def _rank(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
