"""The rollouts of builds, as traces that datasets and lineage read.

Invariant: a build of another project is as absent as one that was never ordered.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.lineup import rollout_path
from agent_factory.core.store import Store


def list_rollouts(artifacts: Artifacts, build: str) -> list[str]:
    """All rollout files of a build, those of superseded models too, by name: where a trace is looked for."""
    folder = f"builds/{build}/rollouts"
    place = artifacts.locate(folder)
    if not artifacts.files.isdir(place):
        return []
    names = sorted(str(name).rsplit("/", 1)[-1] for name in artifacts.files.ls(place, detail=False))
    return [f"{folder}/{name}" for name in names if name.endswith(".parquet")]


def read_rollouts_of(store: Store, artifacts: Artifacts, project: str, build: str) -> Iterator[Trace]:
    """The graded rollouts of the SFT model of a project's build; NotFoundError where it has none."""
    spec = store.peek(BuildSpec, build)
    found = store.find(ModelManifest, project=project, build=build, newest_first=True) if spec is not None else []
    path = next((rollout_path(model) for model in found if model.stage == "sft"), None)
    if spec is None or spec.project != project or path is None or not artifacts.exists(path):
        raise NotFoundError(
            f"there are no rollouts of build {build!r} in project {project!r}: materialize environment/rollouts for it"
        )
    yield from (trace for trace in artifacts.read_traces(path) if trace.outcome is not None)
