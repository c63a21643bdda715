"""A day's decisions as they are kept beside its clean events, for all who learn from these.

Invariant: every trace of the day's events has one decision, in the order of trace ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pyarrow as pa

from agent_factory.contracts.decision import Decision
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path

_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("verdict", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("ruled", pa.string()),
        ("reviewer", pa.string()),
        ("overruled_at", pa.timestamp("us", tz="UTC")),
    ]
)
_CLUSTERS = pa.schema(
    [("trace_id", pa.string()), ("cluster", pa.string()), ("similarity", pa.float64()), ("codebook", pa.string())]
)
_BATCH = 5000


def write_decisions(artifacts: Artifacts, project: str, day: str, decisions: Iterable[Decision]) -> str:
    """Write the decisions of a project's day; returns the artifact's path."""
    rows = (decision.model_dump() for decision in decisions)
    return artifacts.write_table(day_path(project, day, "decisions"), _to_table(rows, _SCHEMA))


def read_decisions(artifacts: Artifacts, project: str, day: str) -> dict[str, Decision]:
    """The decisions of a project's day by trace id; NotFoundError where the day was not cleaned."""
    table = artifacts.read_table(day_path(project, day, "decisions"))
    return {row["trace_id"]: Decision.model_validate(row) for row in table.to_pylist()}


def read_flagged(artifacts: Artifacts, project: str, day: str) -> frozenset[str]:
    """Ids of a day's clean traces that stay out of training unless they are asked for."""
    return _read_flagged(artifacts, day_path(project, day, "decisions"))


def read_flagged_beside(artifacts: Artifacts, clean_events: str) -> frozenset[str]:
    """``read_flagged`` of the day whose clean events are at that path."""
    return _read_flagged(artifacts, f"{clean_events.rpartition('/')[0]}/decisions.parquet")


def _read_flagged(artifacts: Artifacts, path: str) -> frozenset[str]:
    table = artifacts.read_table(path, ("trace_id", "verdict"))
    verdicts = table["verdict"].to_pylist()
    return frozenset(
        name for name, verdict in zip(table["trace_id"].to_pylist(), verdicts, strict=True) if verdict == "flagged"
    )


def write_clusters(artifacts: Artifacts, project: str, day: str, rows: Iterable[dict[str, Any]]) -> str:
    """Write ``trace_id``, ``cluster``, ``similarity`` and ``codebook`` of a day's clean traces; returns the path."""
    return artifacts.write_table(day_path(project, day, "clusters"), _to_table(rows, _CLUSTERS))


def read_clusters(artifacts: Artifacts, project: str, day: str) -> dict[str, str]:
    """The cluster's name by trace id; empty where the project has too few traces to have clusters.

    NotFoundError where the day was not cleaned.
    """
    table = artifacts.read_table(day_path(project, day, "clusters"), ("trace_id", "cluster"))
    return dict(zip(table["trace_id"].to_pylist(), table["cluster"].to_pylist(), strict=True))


def _to_table(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table, a batch of them as Python values at a time."""
    left = iter(rows)
    batches = [
        pa.RecordBatch.from_pylist(batch, schema=schema) for batch in iter(lambda: list(islice(left, _BATCH)), [])
    ]
    return pa.Table.from_batches(batches, schema=schema)
