"""What the rollouts of a build or an order are, read from their files."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import dagster as dg

from agent_factory.core.address import timeline_url
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_bytes, digest_json
from agent_factory.core.error import NotFoundError

SHOWN_TRACES = 5


class Found(NamedTuple):
    """Metadata of rollout files, and the digest over them."""

    metadata: dict[str, Any]
    digest: str


def describe_rollouts(artifacts: Artifacts, paths: Sequence[str]) -> Found:
    """Episodes and successes over rollout files; NotFoundError where one is not there."""
    rows = [row for path in paths for row in artifacts.read_table(path, ["id", "project", "success"]).to_pylist()]
    outcomes = [row["success"] for row in rows]
    graded = [won for won in outcomes if won is not None]
    metadata: dict[str, Any] = {
        "dagster/row_count": len(outcomes),
        "graded": len(graded),
        "successes": sum(graded),
        "paths": ", ".join(paths),
        "failed_traces": _link([row for row in rows if row["success"] is False]),
        "solved_traces": _link([row for row in rows if row["success"]]),
    }
    if graded:
        metadata["success"] = sum(graded) / len(graded)
    return Found(metadata, digest_json([digest_bytes(artifacts.read_bytes(path)) for path in paths]))


def _link(rows: Sequence[dict[str, Any]]) -> dg.MetadataValue:
    """The first of these traces, as links to their timelines."""
    shown = [f"- [{row['id']}]({timeline_url(row['id'], row['project'])})" for row in rows[:SHOWN_TRACES]]
    return dg.MetadataValue.md("\n".join(shown) or "none")


def list_rollouts(artifacts: Artifacts, folder: str) -> list[str]:
    """The paths of a folder's rollout files, in name order; NotFoundError if it has none."""
    names = artifacts.files.ls(artifacts.locate(folder), detail=False) if artifacts.exists(folder) else []
    paths = [f"{folder}/{name.rsplit('/', 1)[1]}" for name in sorted(names) if name.endswith(".parquet")]
    if not paths:
        raise NotFoundError(f"there are no rollouts under {folder!r}: the worker wrote no file there")
    return paths
