"""What Great Expectations expects of a day's events and of a dataset. Imported only where they are checked.

Invariant: what it finds is told by expectation, column and count; a value is told nowhere, not in the
Data Docs either, for it may be personal. Rows are read a batch at a time; what stays in memory of each is
an outline without its conversation, some hundred bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple, get_args

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations
import pyarrow as pa
from pandas import DataFrame

from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.record import NAME_PATTERN
from agent_factory.contracts.trace import Source
from agent_factory.core.artifact import Artifacts
from agent_factory.data.page import draw_page

# Its package re-exports what it does not declare as its own.
gx: Any = great_expectations

COLUMNS = [
    "id",
    "project",
    "day",
    "source",
    "recipe",
    "scenario_id",
    "session_id",
    "started_at",
    "success",
    "steps",
    "body",
]
_ROLES = ("system", "user", "assistant", "tool")
_BATCH = 500


class Validation(NamedTuple):
    """How many rows there are, the expectations that failed, and all of them as a page of Data Docs."""

    rows: int
    failures: list[dict[str, Any]]
    page: str


def expect_events(artifacts: Artifacts, path: str, project: str, day: str) -> Validation:
    """The events of a day's file against what is expected of them."""
    schema = artifacts.read_schema(path)
    return _validate("events", _to_frame(_outline_events(artifacts, path), schema), _event_suite(project, day))


def expect_dataset(artifacts: Artifacts, manifest: DatasetManifest) -> Validation:
    """A dataset's rows, as they stand in its files, against what is expected of its kind."""
    rows = chain.from_iterable(_outline_rows(artifacts, path, manifest) for path in manifest.paths())
    return _validate(f"{manifest.kind}_dataset", _to_frame(rows, _outline_schema(manifest)), _dataset_suite(manifest))


def _to_frame(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> DataFrame:
    """Rows as columns, a batch of them as Python values at a time."""
    left = iter(rows)
    batches = [
        pa.RecordBatch.from_pylist(batch, schema=schema) for batch in iter(lambda: list(islice(left, _BATCH)), [])
    ]
    return pa.Table.from_batches(batches, schema=schema).to_pandas()


def _validate(name: str, rows: DataFrame, expectations: list[Any]) -> Validation:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas(name).add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": rows})
    suite = gx.ExpectationSuite(name=name, expectations=expectations)
    result = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    failures = [_tell(found, len(rows)) for found in result.results if not found.success]
    return Validation(len(rows), failures, draw_page(result))


def _event_suite(project: str, day: str) -> list[Any]:
    never_null = ("id", "project", "day", "source", "started_at", "steps", "body")
    return [
        gx.expectations.ExpectTableColumnsToMatchSet(column_set=COLUMNS, exact_match=True),
        *(gx.expectations.ExpectColumnValuesToNotBeNull(column=column) for column in never_null),
        gx.expectations.ExpectColumnValuesToBeUnique(column="id"),
        gx.expectations.ExpectColumnValuesToMatchRegex(column="id", regex=rf"^(?:{NAME_PATTERN.pattern})$"),
        gx.expectations.ExpectColumnValuesToBeInSet(column="source", value_set=list(get_args(Source))),
        gx.expectations.ExpectColumnValuesToBeInSet(column="project", value_set=[project]),
        gx.expectations.ExpectColumnValuesToBeInSet(column="day", value_set=[day]),
        gx.expectations.ExpectColumnValuesToBeBetween(column="steps", min_value=0),
        gx.expectations.ExpectColumnValuesToBeJsonParseable(column="body"),
    ]


def _dataset_suite(manifest: DatasetManifest) -> list[Any]:
    ends = [("messages", "assistant")] if "messages" in manifest.columns and manifest.kind != "eval" else []
    ends += [(side, "assistant") for side in ("chosen", "rejected", "reference") if side in manifest.columns]
    came_from = {"pairing": 2}.get("pairing" if "pairing" in manifest.columns else "", 1)
    found = [
        gx.expectations.ExpectTableRowCountToEqual(value=manifest.rows),
        *(gx.expectations.ExpectColumnValuesToBeInSet(column=f"{name} end", value_set=[role]) for name, role in ends),
        gx.expectations.ExpectColumnValuesToBeInSet(column="whole conversations", value_set=[True]),
        gx.expectations.ExpectColumnValuesToBeInSet(column="answered calls", value_set=[True]),
        gx.expectations.ExpectColumnValuesToBeUnique(column="content"),
    ]
    if manifest.query.get("taskset") is None:
        found.append(gx.expectations.ExpectColumnValuesToBeInSet(column="traces", value_set=[came_from]))
    if "score" in manifest.columns:
        found.append(gx.expectations.ExpectColumnValuesToNotBeNull(column="score"))
    if "tools" in manifest.columns:
        found.append(gx.expectations.ExpectColumnValuesToBeInSet(column="tools", value_set=[True]))
    return found


def _outline_events(artifacts: Artifacts, path: str) -> Iterator[dict[str, Any]]:
    """The rows of events; for a body stands the shortest text of which the same is to be expected."""
    for row in artifacts.read_rows(path):
        body = row.get("body")
        yield row if body is None else {**row, "body": "{}" if _is_json(body) else "{"}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _outline_schema(manifest: DatasetManifest) -> pa.Schema:
    """The columns that are expected something of: of conversations what can be told of them, not their text."""
    told = [("whole conversations", pa.bool_()), ("answered calls", pa.bool_()), ("content", pa.int64())]
    ends = [(f"{name} end", pa.string()) for name in _talks(manifest)]
    given = [("score", pa.float64()), ("tools", pa.bool_())]
    columns = [*ends, *told, ("traces", pa.int32()), *(column for column in given if column[0] in manifest.columns)]
    return pa.schema(columns)


def _talks(manifest: DatasetManifest) -> list[str]:
    return [name for name in ("messages", "prompt", "chosen", "rejected", "reference") if name in manifest.columns]


def _outline_rows(artifacts: Artifacts, path: str, manifest: DatasetManifest) -> Iterator[dict[str, Any]]:
    """What is expected something of, row by row, without the conversations themselves."""
    names = _talks(manifest)
    for row in artifacts.read_rows(path):
        told = {name: _read_list(row[name]) for name in names}
        heard = [*told.get("messages", ()), *told.get("prompt", ())]
        wholes = [heard + told[side] for side in ("chosen", "rejected", "reference") if side in told] or [heard]
        yield {
            **{f"{name} end": messages[-1].get("role") if messages else "nothing" for name, messages in told.items()},
            "whole conversations": all(messages and _is_whole(messages) for messages in wholes),
            "answered calls": all(_answers_its_calls(messages) for messages in wholes),
            # Held-out tasks may be asked in the same words; what is learned from is there once.
            "content": hash(row["scenario_id"] if "scenario_id" in row else tuple(row[name] for name in names)),
            "traces": len(row["trace_ids"]),
            **({"score": row["score"]} if "score" in row else {}),
            **({"tools": all("function" in tool for tool in _read_list(row["tools"]))} if "tools" in row else {}),
        }


def _read_list(text: str) -> list[dict[str, Any]]:
    """A list of objects that is given as JSON; empty where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else []


def _is_whole(messages: list[dict[str, Any]]) -> bool:
    roles = [message.get("role") for message in messages]
    return set(roles) <= set(_ROLES) and "system" not in roles[1:]


def _answers_its_calls(messages: list[dict[str, Any]]) -> bool:
    """Whether each result of a tool follows a call of that id."""
    called: set[str] = set()
    for message in messages:
        called.update(call["id"] for call in message.get("tool_calls") or ())
        if message.get("role") == "tool" and message.get("tool_call_id") not in called:
            return False
    return True


def _tell(found: Any, rows: int) -> dict[str, Any]:
    config = found.expectation_config
    return {
        "expectation": config.type,
        "column": config.kwargs.get("column"),
        # An expectation about the table itself concerns every row.
        "unexpected": found.result.get("unexpected_count", rows),
    }
