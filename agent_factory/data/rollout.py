"""The rollouts of builds, as traces that datasets and lineage read.

Invariant: a build of another project is as absent as one that was never ordered.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store


def list_rollouts(artifacts: Artifacts, build: str) -> list[str]:
    """The rollout files of a build, by name."""
    folder = f"builds/{build}/rollouts"
    place = artifacts.locate(folder)
    if not artifacts.files.isdir(place):
        return []
    names = sorted(str(name).rsplit("/", 1)[-1] for name in artifacts.files.ls(place, detail=False))
    return [f"{folder}/{name}" for name in names if name.endswith(".parquet")]


def read_rollouts_of(store: Store, artifacts: Artifacts, project: str, build: str) -> Iterator[Trace]:
    """The graded rollouts of a project's build; NotFoundError where it has none."""
    spec = store.peek(BuildSpec, build)
    paths = list_rollouts(artifacts, build) if spec is not None and spec.project == project else []
    if not paths:
        raise NotFoundError(
            f"there are no rollouts of build {build!r} in project {project!r}: materialize environment/rollouts for it"
        )
    for path in paths:
        yield from (trace for trace in artifacts.read_traces(path) if trace.outcome is not None)
