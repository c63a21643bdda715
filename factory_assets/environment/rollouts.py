"""What a build's rollouts are, read from their files."""

from typing import Any, NamedTuple

from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_bytes, digest_json
from agent_factory.core.error import NotFoundError


class Found(NamedTuple):
    """Metadata of all rollout files of a build, and the digest over them."""

    metadata: dict[str, Any]
    digest: str


def describe_rollouts(artifacts: Artifacts, build: str) -> Found:
    """Episodes and successes over the build's rollout files; NotFoundError if it has none."""
    paths = list_rollouts(artifacts, build)
    if not paths:
        raise NotFoundError(f"build {build!r} has no rollouts: the worker wrote no file under builds/{build}/rollouts")
    outcomes = [won for path in paths for won in artifacts.read_table(path, ["success"]).column(0).to_pylist()]
    graded = [won for won in outcomes if won is not None]
    metadata: dict[str, Any] = {
        "dagster/row_count": len(outcomes),
        "graded": len(graded),
        "successes": sum(graded),
        "paths": ", ".join(paths),
    }
    if graded:
        metadata["success"] = sum(graded) / len(graded)
    return Found(metadata, digest_json([digest_bytes(artifacts.read_bytes(path)) for path in paths]))


def list_rollouts(artifacts: Artifacts, build: str) -> list[str]:
    """The paths of a build's rollout files, in name order."""
    folder = f"builds/{build}/rollouts"
    if not artifacts.exists(folder):
        return []
    names = artifacts.files.ls(artifacts.locate(folder), detail=False)
    return [f"{folder}/{name.rsplit('/', 1)[1]}" for name in sorted(names) if name.endswith(".parquet")]
