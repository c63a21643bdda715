"""A day's traces without personal data: the only form in which anything downstream reads them.

Model: one pass redacts each trace with the names of its own recipe and looks at it alone (nothing in it,
exact copy, junk, poison); then the day is looked at as a whole (anomalies, near copies, clusters). What
is dropped is not written; what is flagged is, and stays out of training unless asked for.
Invariants: what was not redacted is not written; the result follows from the day's events, the
overrulings of its traces, the recipes' names and tools and the codebook of clusters, whatever other days hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from agent_factory.contracts.record import Json
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import Aside
from agent_factory.core.day import day_path
from agent_factory.core.decision import write_clusters, write_decisions
from agent_factory.core.digest import digest_json, digest_rows
from agent_factory.core.error import NotFoundError
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store
from agent_factory.data.cleaning.anomaly import Panel
from agent_factory.data.cleaning.cluster import ENOUGH, assign, read_terms
from agent_factory.data.cleaning.codebook import DRIFTED, fit_codebook, measure_drift, newest_codebook
from agent_factory.data.cleaning.duplicate import Signer, find_near_copies, write_signatures
from agent_factory.data.cleaning.finding import Finding
from agent_factory.data.cleaning.junk import find_junk
from agent_factory.data.cleaning.overruling import find_overrulings
from agent_factory.data.cleaning.poison import find_poison
from agent_factory.data.cleaning.verdict import Ledger
from agent_factory.data.day import DayFile, write_day
from agent_factory.data.stranger import find_stranger
from agent_factory.privacy.redactor import Redactor, open_redactor

RedactorOf = Callable[[str | None], Redactor | None]


class CleanDay(DayFile):
    """The clean events of a day, and what is told of how they came to be."""

    told: Json


def clean_day(
    store: Store, artifacts: Artifacts, project: str, day: str, redactor_of: RedactorOf | None = None
) -> CleanDay:
    """Write the clean events of a project's day whose ``events`` are there, and beside them what was decided.

    ``redactor_of`` gives the redactor of a recipe's name, or None where there is no such recipe.
    """
    aside = Aside()
    events = artifacts.read_traces(day_path(project, day, "events"), aside=aside)
    sweep = _Sweep(store, project, day, redactor_of or lru_cache(redactor_of_recipe))
    file = write_day(artifacts, project, day, "clean_events", sweep.clean(events))
    write_signatures(artifacts, project, day, sweep.ids, bytes(sweep.bands))
    ledger = sweep.ledger
    anomalies, judged = sweep.panel.judge()
    for name, finding in anomalies.items():
        ledger.note(name, finding)
    copies = find_near_copies(
        artifacts, project, [day], left_out=ledger.with_verdict("flagged"), immune=ledger.with_verdict("kept")
    )
    for name, copy in copies.items():
        ledger.note(name, Finding("flagged", "near_copy", copy.reason))
    write_decisions(artifacts, project, day, ledger.decisions())
    clusters, clustered = _cluster(store, artifacts, project, day, sweep)
    decided = digest_rows([decision.trace_id, decision.verdict] for decision in ledger.decisions())
    counted = ledger.count()
    told: Json = {"anomalies": {**judged}, "clusters": clustered}
    told.update({name: {**counts} for name, counts in counted.items()})
    digest = digest_json([file.digest, decided, digest_rows(clusters)])
    made = {"day": file.day, "path": file.path, "rows": file.rows, "digest": digest, "told": told}
    return CleanDay.model_validate({**made, "set_aside": aside.tell()})


def redactor_of_recipe(name: str | None) -> Redactor | None:
    """The redactor of a recipe, that of no recipe for None, or None where the recipe is unknown."""
    try:
        return open_redactor(load_recipe(name) if name else None)
    except NotFoundError:
        return None


class _Row(NamedTuple):
    trace_id: str
    cluster: str
    similarity: float
    codebook: str


class _Sweep:
    """The pass over a day's traces, one at a time, and what it keeps of them for the look at the whole."""

    def __init__(self, store: Store, project: str, day: str, redactor_of: RedactorOf) -> None:
        self.overrulings = find_overrulings(store, project, day)
        self.ledger = Ledger(self.overrulings)
        self.panel = Panel()
        self.ids: list[str] = []
        self.bands = bytearray()
        self._redactor_of = redactor_of
        self._first_of: dict[str, str] = {}
        self._signer: Signer | None = None

    def clean(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """The traces that are not dropped, redacted."""
        for trace in traces:
            self.ledger.enter(trace.id)
            redactor = self._redactor(trace)
            self._hear(trace, redactor)
            self.ledger.note(trace.id, find_junk(trace))
            self.ledger.note(trace.id, find_stranger(trace))
            if self.ledger.verdict(trace.id) != "dropped":
                self.ledger.note(trace.id, self._copy(trace))
            if self.ledger.verdict(trace.id) == "dropped":
                continue
            clean = redactor.redact_trace(trace)
            self.ledger.note(trace.id, find_poison(clean))
            self._measure(clean)
            yield clean

    def _redactor(self, trace: Trace) -> Redactor:
        redactor = self._redactor_of(trace.recipe)
        if redactor is not None:
            return redactor
        why = f"recipe {trace.recipe!r} is not known here: no list of names was applied"
        self.ledger.note(trace.id, Finding("flagged", "unknown_recipe", why))
        redactor = self._redactor_of(None)
        if redactor is None:
            raise NotFoundError("there is no redactor for traces without a recipe: redactor_of(None) gave None")
        return redactor

    def _hear(self, trace: Trace, redactor: Redactor) -> None:
        overruling = self.overrulings.get(trace.id)
        if overruling is not None:
            self.ledger.say(trace.id, redactor.redact_text(overruling.reason, redactor.open_session(trace)))

    def _copy(self, trace: Trace) -> Finding | None:
        told = trace.model_dump(
            mode="json", include={"recipe", "scenario_id", "session_id", "system", "steps", "closing", "outcome"}
        )
        for step in told["steps"]:
            for measured in ("latency_seconds", "cost", "usage"):
                step.pop(measured)
        first = self._first_of.setdefault(digest_json(told), trace.id)
        return None if first == trace.id else Finding("dropped", "exact_copy", f"exact copy of {first}")

    def _measure(self, trace: Trace) -> None:
        if self._signer is None:
            self._signer = Signer()
        self.ids.append(trace.id)
        self.bands += self._signer.sign(trace)
        if self.ledger.verdict(trace.id) == "kept":
            self.panel.add(trace)


def _cluster(
    store: Store, artifacts: Artifacts, project: str, day: str, sweep: _Sweep
) -> tuple[list[tuple[str, str]], Json]:
    """Write the day's clusters; each trace with its cluster's name, and what is told of them.

    The first day with enough traces fits the project's codebook.
    """
    path = day_path(project, day, "clean_events")
    flagged = sweep.ledger.with_verdict("flagged")
    codebook = newest_codebook(store, project)
    if codebook is None and len(sweep.ids) - len(flagged) >= ENOUGH:
        fit = (trace for trace in artifacts.read_traces(path) if trace.id not in flagged)
        codebook = fit_codebook(store, project, [day], fit, version=1)
    if codebook is None:
        write_clusters(artifacts, project, day, [])
        why = f"{len(sweep.ids)} traces: {ENOUGH} of one day are needed to fit the first codebook"
        return [], {"codebook": None, "why": why}
    nearest = [assign(read_terms(trace), codebook.weights, codebook.clusters) for trace in artifacts.read_traces(path)]
    placed = list(zip(sweep.ids, nearest, strict=True))
    rows = (_Row(name, cluster, round(near, 6), codebook.id)._asdict() for name, (cluster, near) in placed)
    write_clusters(artifacts, project, day, rows)
    drift = measure_drift(codebook, [near for name, (_, near) in placed if name not in flagged])
    sizes = Counter(cluster for cluster, _ in nearest)
    told: Json = {"codebook": codebook.id, "drift": drift, "sizes": dict(sorted(sizes.items()))}
    if drift is not None and drift > DRIFTED and len(placed) >= ENOUGH:
        told["advice"] = "tasks have moved away from the clusters: `factory data clusters refit` fits new ones"
    return [(name, cluster) for name, (cluster, _) in placed], told
