"""Datasets D1, D2, …: rows from clean, labelled traces as parquet, with a manifest that tells their descent.

Invariant: the same query over the same traces gives the same rows, digest and manifest; it is not
made again, and no number is used for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from agent_factory.contracts.dataset import DatasetKind, DatasetManifest
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_rows
from agent_factory.core.error import InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store
from agent_factory.data.query import DatasetQuery, make_query, read_labelled, select_superseded
from agent_factory.data.row import COLUMNS, Row, eval_rows, preference_rows, sft_rows
from agent_factory.privacy.redactor import open_redactor

__all__ = ["DatasetQuery", "build_dataset", "make_query", "read_scenario_set"]

CODE_VERSION = "2"
_LISTS = pa.list_(pa.string())
_TYPES: dict[str, pa.DataType] = {"score": pa.float64(), "trace_ids": _LISTS, "subjects": _LISTS}


def build_dataset(
    store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery, build: str | None = None
) -> DatasetManifest:
    """Make a dataset, or return the one that was made from the same query and rows for the same build.

    Raises InputError where the query selects nothing, naming what it looked through.
    """
    rows, told = _make_rows(store, artifacts, kind, query)
    if not rows:
        raise InputError(_nothing(kind, query))
    digest = digest_rows(rows)
    asked = query.model_dump(mode="json")
    for known in store.find(DatasetManifest, project=query.project, build=build):
        same = (known.kind, known.build, known.digest, known.query, known.code_version)
        if same == (kind, build, digest, asked, CODE_VERSION) and artifacts.exists(known.path):
            return known
    name = f"D{store.next_number('D') + 1}"
    schema = pa.schema([(column, _TYPES.get(column, pa.string())) for column in COLUMNS[kind]])
    path = artifacts.write_table(f"datasets/{name}.parquet", pa.Table.from_pylist(rows, schema=schema))
    manifest = DatasetManifest(
        id=name,
        project=query.project,
        created_at=clock.now(),
        kind=kind,
        build=build,
        rows=len(rows),
        digest=digest,
        path=path,
        columns=COLUMNS[kind],
        trace_count=len({trace_id for row in rows for trace_id in row["trace_ids"]}),
        query=asked,
        code_version=CODE_VERSION,
        statistics={**_measure(rows), **told},
    )
    store.put(manifest)
    return manifest


def read_scenario_set(artifacts: Artifacts, scenario_set: ScenarioSet) -> list[Scenario]:
    """The scenarios of a set, in order."""
    lines = artifacts.read_text(scenario_set.path).splitlines()
    return [Scenario.model_validate_json(line) for line in lines if line.strip()]


def _make_rows(
    store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery
) -> tuple[list[Row], dict[str, Any]]:
    """The rows, and what is to be told of how they were chosen."""
    if kind == "eval":
        if query.taskset is None:
            raise InputError("an eval dataset is made from a scenario set: name it as the query's taskset")
        scenario_set = store.get(ScenarioSet, query.taskset)
        redactor = open_redactor(load_recipe(scenario_set.recipe))
        scenarios = read_scenario_set(artifacts, scenario_set)
        rows = eval_rows(scenarios, lambda message: redactor.redact_message(message, redactor.open_session()))
        return list(rows), {}
    superseded = select_superseded(artifacts, query)
    traces = read_labelled(store, artifacts, query, superseded)
    rows = preference_rows(traces, query) if kind == "preference" else sft_rows(traces, query)
    return list(rows), {"superseded_traces": len(superseded)}


def _nothing(kind: DatasetKind, query: DatasetQuery) -> str:
    if kind == "eval":
        return f"scenario set {query.taskset!r} has no scenarios"
    days = f"{query.days[0]} to {query.days[-1]}" if query.days else "no day"
    missing = (
        "no pair of a better and a worse one" if kind == "preference" else f"none labelled {query.min_score} or more"
    )
    return (
        f"the {kind} dataset would be empty: among the traces of {days} (recipe {query.recipe or 'any'}, "
        f"project {query.project}) there is {missing}. Widen the days, or lower min_score."
    )


def _measure(rows: list[Row]) -> dict[str, Any]:
    text = "chosen" if "chosen" in rows[0] else "messages"
    lengths = sorted(len(row[text]) for row in rows)
    counted = {
        f"rows_by_{column}": _count(row[column] for row in rows)
        for column in ("level", "kind", "pairing")
        if column in rows[0]
    }
    characters = {
        "mean": sum(lengths) / len(lengths),
        "median": lengths[len(lengths) // 2],
        "p95": lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
        "max": lengths[-1],
    }
    return {**counted, "characters_per_conversation": characters}


def _count(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value or "unknown" for value in values).items()))
