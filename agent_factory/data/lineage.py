"""Lineage in both directions: which traces, failures among them, a model was made from; what holds a trace.

Model: a model names its parent and its data; a dataset's rows name their traces; a day's file and a
build's rollouts hold theirs. Invariant: only what is of the caller's project is seen, and what is told
is read from records and files, not from a copy of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.forgetting import Mark
from agent_factory.contracts.lineage import Lineage, Node
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.content import Contained, read_contents
from agent_factory.data.rollout import list_rollouts


class Family:
    """The records of a project that descend from each other, read once."""

    def __init__(self, store: Store, artifacts: Artifacts, project: str) -> None:
        self.store = store
        self.artifacts = artifacts
        self.project = project
        self.datasets = {made.id: made for made in store.find(DatasetManifest, project=project)}
        self.models = {made.id: made for made in store.find(ModelManifest, project=project)}
        self._marked: dict[str, int] = {}
        for mark in store.find(Mark, project=project):
            self._marked[mark.target] = self._marked.get(mark.target, 0) + mark.traces

    def node_of_dataset(self, made: DatasetManifest, via: Iterable[str] = ()) -> Node:
        """A dataset, told by kind and rows."""
        told = f"{made.kind}, {made.rows} rows of {made.trace_count} traces"
        return Node(kind="dataset", id=made.id, told=told, via=tuple(via), forgotten=self._marked.get(made.id, 0))

    def node_of_model(self, made: ModelManifest, via: Iterable[str] = ()) -> Node:
        """A model, told by stage and build."""
        told = f"{made.stage} model of build {made.build}"
        return Node(kind="model", id=made.id, told=told, via=tuple(via), forgotten=self._marked.get(made.id, 0))

    def parents_of(self, model: ModelManifest) -> list[ModelManifest]:
        """The model and what it descends from, nearest first; a policy also from the model that ranked for it."""
        found: dict[str, ModelManifest] = {}
        waiting = [model]
        while waiting:
            one = waiting.pop(0)
            if one.id in found:
                continue
            found[one.id] = one
            waiting += [self.models[name] for name in (one.parent,) if name in self.models]
            waiting += [other for other in self.models.values() if _ranked_for(other, one)]
        return list(found.values())

    def descendants_of(self, models: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The models and all that descends from them, each with the models through which."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(models, ())
        grew = True
        while grew:
            grew = False
            for model in self.models.values():
                through = [p.id for p in self.parents_of(model)[1:] if p.id in found]
                if model.id not in found and through:
                    found[model.id] = tuple(through)
                    grew = True
        return found


def _ranked_for(scorer: ModelManifest, policy: ModelManifest) -> bool:
    if policy.scorer is not None:
        return policy.scorer == scorer.id
    # A policy of before this was told: any reward model that its build had by then.
    same = scorer.build == policy.build and scorer.created_at <= policy.created_at
    return same and scorer.stage == "reward" and policy.stage == "policy"


def find_datasets_of(family: Family, trace_ids: Iterable[str], subjects: Iterable[str] = ()) -> dict[str, set[str]]:
    """The datasets whose rows came from some of these traces or tell of these subjects, each with which traces.

    ``subjects`` are labels with keyed hashes, as rows have them.
    """
    wanted, people = set(trace_ids), set(subjects)
    found: dict[str, set[str]] = {}
    for manifest in family.datasets.values():
        columns = ("trace_ids", "subjects") if people and "subjects" in manifest.columns else ("trace_ids",)
        for path in manifest.paths():
            for row in family.artifacts.read_rows(path, columns, 5000) if family.artifacts.exists(path) else ():
                held = wanted & set(row["trace_ids"])
                if not held and not people.isdisjoint(row.get("subjects") or ()):
                    held = set(row["trace_ids"])
                if held:
                    found.setdefault(manifest.id, set()).update(held)
    return found


def find_models_of(
    family: Family, sources: Iterable[str], recipes: Iterable[str | None] | None = None
) -> dict[str, tuple[str, ...]]:
    """The models that learned from these sources (a dataset's number, a file's path) or descend from one that did.

    Of a day's file a model reads its own recipe's traces: with ``recipes`` only models of these count there.
    """
    wanted, among = set(sources), None if recipes is None else set(recipes)
    learned: dict[str, tuple[str, ...]] = {}
    for model in family.models.values():
        via = sorted(wanted & set(model.dataset_ids))
        if among is not None and model.recipe not in among:
            via = [name for name in via if not name.startswith("projects/")]
        if via:
            learned[model.id] = tuple(via)
    return {**family.descendants_of(learned), **learned}


def lineage_of_trace(family: Family, trace_id: str) -> Lineage:
    """What holds a trace: its day, datasets, models, and what of these was released and deployed.

    NotFoundError where neither the inbox nor a dataset nor a rollout of the project has it.
    """
    trace = TraceLog(family.store).get(trace_id, family.project)
    rollouts = [] if trace is not None else _find_rollouts(family, trace_id)
    datasets = find_datasets_of(family, [trace_id])
    if trace is None and not rollouts and not datasets:
        raise NotFoundError(f"there is no trace {trace_id!r} in project {family.project!r}, nor anything made from it")
    nodes: list[Node] = []
    sources = [*datasets, *rollouts]
    if trace is not None:
        path = day_path(family.project, trace.day, "clean_events")
        nodes.append(Node(kind="day", id=trace.day, told=path if family.artifacts.exists(path) else "not cleaned yet"))
        sources += [path] if _holds(family.artifacts, path, trace_id) else []
    nodes += [Node(kind="rollouts", id=path) for path in rollouts]
    nodes += [family.node_of_dataset(family.datasets[name]) for name in datasets]
    models = find_models_of(family, sources, None if trace is None else [trace.recipe])
    nodes += [family.node_of_model(family.models[name], via) for name, via in models.items()]
    nodes += _served_by(family, set(models))
    told = "forgotten, or of a build" if trace is None else f"{trace.source} trace of {trace.day}"
    success = None if trace is None or trace.outcome is None else trace.outcome.success
    of = Node(kind="trace", id=trace_id, told=f"{told}, success {success}" if trace else told)
    return Lineage(of=of, went_into=tuple(nodes))


def lineage_of_dataset(family: Family, dataset_id: str, limit: int = 50) -> Lineage:
    """What a dataset was made from, and the models that learned from it; NotFoundError where there is none."""
    manifest = family.datasets.get(dataset_id)
    if manifest is None:
        raise NotFoundError(f"there is no dataset {dataset_id!r} in project {family.project!r}")
    models = find_models_of(family, [dataset_id])
    down = [family.node_of_model(family.models[name], via) for name, via in models.items()]
    return Lineage(
        of=family.node_of_dataset(manifest),
        made_from=tuple(_origins(family, manifest)),
        went_into=(*down, *_served_by(family, set(models))),
        contents=read_contents(family.artifacts, family.project, [_contained(manifest)], limit),
    )


def lineage_of_model(family: Family, model_id: str, limit: int = 50) -> Lineage:
    """What a model was made from, the failures among it, and what serves it; NotFoundError where there is none."""
    model = family.models.get(model_id)
    if model is None:
        raise NotFoundError(f"there is no model {model_id!r} in project {family.project!r}")
    up: list[Node] = [Node(kind="build", id=model.build, told=f"recipe {model.recipe}")]
    sources: dict[str, Contained] = {}
    for ancestor in family.parents_of(model):
        if ancestor is not model:
            up.append(family.node_of_model(ancestor))
        for name in ancestor.dataset_ids:
            if name in sources:
                continue
            manifest = family.datasets.get(name)
            sources[name] = Contained("file", name, ancestor.recipe) if manifest is None else _contained(manifest)
            up.append(
                _file_node(name, ancestor.id) if manifest is None else family.node_of_dataset(manifest, (ancestor.id,))
            )
            up += [] if manifest is None else _origins(family, manifest)
    descendants = {name: via for name, via in family.descendants_of([model_id]).items() if name != model_id}
    down = [family.node_of_model(family.models[name], via) for name, via in descendants.items()]
    return Lineage(
        of=family.node_of_model(model),
        made_from=tuple({(node.kind, node.id): node for node in reversed(up)}.values())[::-1],
        went_into=(*down, *_served_by(family, {model_id, *descendants})),
        contents=read_contents(family.artifacts, family.project, list(sources.values()), limit),
    )


def lineage_of_release(family: Family, kind: str, name: str, limit: int = 50) -> Lineage:
    """What a release or deployment serves and what that was made from; NotFoundError where there is none."""
    deployment = family.store.peek(Deployment, name) if kind == "deployment" else None
    release = family.store.peek(Release, deployment.release if deployment else name)
    if (kind == "deployment" and deployment is None) or release is None or release.project != family.project:
        raise NotFoundError(f"there is no {kind} {name!r} in project {family.project!r}")
    model = lineage_of_model(family, release.model, limit)
    above = [Node(kind="release", id=release.id, told=f"build {release.build}")] if deployment else []
    above += [model.of, Node(kind="report", id=release.report)]
    told = f"agent {deployment.agent}, {deployment.state}" if deployment else f"build {release.build}"
    of = Node(kind="deployment" if deployment else "release", id=name, told=told)
    return model.model_copy(update={"of": of, "made_from": (*above, *model.made_from), "went_into": ()})


def find_lineage(family: Family, kind: str, name: str, limit: int = 50) -> Lineage:
    """The lineage of a trace, dataset, model, release or deployment."""
    if kind == "trace":
        return lineage_of_trace(family, name)
    if kind == "dataset":
        return lineage_of_dataset(family, name, limit)
    if kind == "model":
        return lineage_of_model(family, name, limit)
    return lineage_of_release(family, kind, name, limit)


def _served_by(family: Family, models: set[str]) -> list[Node]:
    """Reports on the models, and what of them was released and deployed."""
    store, project = family.store, family.project
    nodes = [
        Node(kind="report", id=report.id, told=f"{report.verdict} of {report.candidate}", via=(report.candidate,))
        for report in store.find(EvalReport, project=project)
        if report.candidate in models
    ]
    releases = {made.id: made for made in store.find(Release, project=project) if made.model in models}
    nodes += [
        Node(kind="release", id=made.id, told=f"build {made.build}", via=(made.model,)) for made in releases.values()
    ]
    nodes += [
        Node(kind="deployment", id=made.id, told=f"agent {made.agent}, {made.state}", via=(made.release,))
        for made in store.find(Deployment, project=project)
        if made.release in releases
    ]
    return nodes


def _contained(manifest: DatasetManifest) -> Contained:
    return Contained("dataset", manifest.id, manifest=manifest)


def _origins(family: Family, manifest: DatasetManifest) -> list[Node]:
    """The days, rollouts or scenarios that a dataset's query names."""
    query = manifest.query
    days, builds, taskset = (query.get(name) for name in ("days", "rollouts_of", "taskset"))
    nodes = [Node(kind="day", id=str(day), via=(manifest.id,)) for day in days or ()] if isinstance(days, list) else []
    if isinstance(builds, list):
        nodes += [Node(kind="rollouts", id=f"builds/{build}/rollouts", via=(manifest.id,)) for build in builds]
    return [*nodes, *([Node(kind="scenarios", id=str(taskset), via=(manifest.id,))] if taskset else [])]


def _file_node(path: str, via: str) -> Node:
    return Node(kind="rollouts" if path.startswith("builds/") else "day", id=path, via=(via,))


def _holds(artifacts: Artifacts, path: str, trace_id: str) -> bool:
    return artifacts.exists(path) and any(row["id"] == trace_id for row in artifacts.read_rows(path, ("id",), 5000))


def _find_rollouts(family: Family, trace_id: str) -> list[str]:
    paths = [
        path
        for build in family.store.find(BuildSpec, project=family.project)
        for path in list_rollouts(family.artifacts, build.id)
    ]
    return [path for path in paths if _holds(family.artifacts, path, trace_id)]
