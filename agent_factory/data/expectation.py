"""What Great Expectations expects of a day's events. Imported only where a day is checked: it takes seconds."""

from __future__ import annotations

import os
from typing import Any, get_args

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations
from pandas import DataFrame

from agent_factory.contracts.record import NAME_PATTERN
from agent_factory.contracts.trace import Source

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


def expect_events(events: DataFrame, project: str, day: str) -> list[dict[str, Any]]:
    """The expectations that fail: their name, column, and how many rows are not as expected.

    Values are not told: they may be personal.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("events").add_dataframe_asset("day")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": events})
    result = batch.validate(gx.ExpectationSuite(name="events", expectations=_suite(project, day)))
    return [_tell(found, len(events)) for found in result.results if not found.success]


def _suite(project: str, day: str) -> list[Any]:
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


def _tell(found: Any, rows: int) -> dict[str, Any]:
    config = found.expectation_config
    return {
        "expectation": config.type,
        "column": config.kwargs.get("column"),
        # An expectation about the table itself concerns every row.
        "unexpected": found.result.get("unexpected_count", rows),
    }
