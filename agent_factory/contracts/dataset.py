"""The manifest of a dataset: D1, D2, … with digest and row-to-trace lineage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Json, Name, Record

DatasetKind = Literal["sft", "rft", "preference", "eval"]


class DatasetManifest(Record):
    """A dataset as made: ``id`` is ``D<number>``, ``path`` a parquet artifact.

    The parquet has a column ``trace_ids`` (list of string): for each row the traces it came from.
    ``digest`` is over the rows in order: the same inputs give the same digest.
    """

    kind: DatasetKind
    build: Name | None = None
    rows: Count
    digest: str
    path: str
    columns: tuple[str, ...]
    trace_count: Count
    query: Json
    code_version: str
    statistics: Json = Field(default_factory=dict)
