"""Where traces are: in the trace log, or in the files of builds and orders that played them; and on which scenarios.

Invariant: what is found is of the project that asks; another project's trace is nowhere. The id of an
episode begins with its build's or its order's, which spares looking through all files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow.parquet as pq

from agent_factory.contracts.build import BuildSpec, EpisodeRequest, Order
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import read_body
from agent_factory.core.error import NotFoundError
from agent_factory.core.lineup import SPLITS, order_folder
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog


class Played(NamedTuple):
    """A file of traces, and the id of the scenario set that its episodes are of."""

    path: str
    scenarios: str


class Found(NamedTuple):
    """A trace, and the file that holds it; None where it is in the trace log."""

    trace: Trace
    file: Played | None


def find_trace(store: Store, artifacts: Artifacts, project: str, trace_id: str) -> Found:
    """The project's trace of that id, wherever it is; NotFoundError where it has none."""
    logged = TraceLog(store).get(trace_id, project)
    if logged is not None:
        return Found(logged, None)
    for name in _players(store, project):
        if not trace_id.startswith(f"{name}-"):
            continue
        for file in list_played(store, artifacts, project, name):
            trace = _read_one(artifacts, file.path, trace_id)
            if trace is not None and trace.project == project:
                return Found(trace, file)
    raise NotFoundError(f"there is no trace {trace_id!r} in project {project!r}")


def list_played(store: Store, artifacts: Artifacts, project: str, name: str) -> list[Played]:
    """The files of a build's rollouts and evaluation, or of an order's run, in name order.

    NotFoundError where the project has no build or order of that name.
    """
    order = store.peek(Order, name)
    if order is not None and order.project == project and order.kind in SPLITS:
        asked = EpisodeRequest.model_validate(order.request)
        of = asked.scenarios or f"{asked.build}-{SPLITS[order.kind]}"
        return [Played(path, of) for path in _list_files(artifacts, order_folder(name))]
    build = store.peek(BuildSpec, name)
    if build is None or build.project != project:
        raise NotFoundError(f"there is no build or run {name!r} in project {project!r}")
    folders = {"rollouts": f"{name}-train", "evaluation": f"{name}-eval"}
    return [
        Played(path, of) for folder, of in folders.items() for path in _list_files(artifacts, f"builds/{name}/{folder}")
    ]


def find_sets(store: Store, trace: Trace, file: Played | None) -> list[ScenarioSet]:
    """The scenario sets that a trace may be of, newest first: its file's, or all of its project and recipe."""
    if file is not None:
        one = store.peek(ScenarioSet, file.scenarios)
        return [one] if one is not None and one.project == trace.project else []
    found = store.find(ScenarioSet, project=trace.project, newest_first=True)
    return [one for one in found if one.recipe == trace.recipe]


def _players(store: Store, project: str) -> list[str]:
    return [one.id for kind in (Order, BuildSpec) for one in store.find(kind, project=project, newest_first=True)]


def _list_files(artifacts: Artifacts, folder: str) -> list[str]:
    place = artifacts.locate(folder)
    if not artifacts.files.isdir(place):
        return []
    names = sorted(str(name).rsplit("/", 1)[-1] for name in artifacts.files.ls(place, detail=False))
    return [f"{folder}/{name}" for name in names if name.endswith(".parquet") and name != "results.parquet"]


def _read_one(artifacts: Artifacts, path: str, trace_id: str) -> Trace | None:
    rows: Any = pq.read_table(
        artifacts.locate(path), filesystem=artifacts.files, columns=["id", "body"], filters=[("id", "==", trace_id)]
    )
    found = rows.to_pylist()
    return read_body(trace_id, found[0]["body"], path) if found else None
