"""Each check passes on good data and fails on what it is there for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from agent_factory.contracts import ScenarioSet, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store
from agent_factory.data import expectation
from agent_factory.data.check import (
    check_dataset_schema,
    check_enough_rows,
    check_no_eval_leak,
    check_no_pii,
    check_schema,
)
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.event import write_events_day
from agent_factory.data.ingest import take_events
from agent_factory.privacy.redactor import Redactor

OPENING = "Could you kindly tell me whether my parcel with number 8815 has already left the warehouse? Yara Sanchez"
Make = Callable[..., Trace]
DAY = "2026-11-20"
EVENTS = f"projects/default/days/{DAY}/events.parquet"


def _with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


def test_schema_passes_good_events_and_names_what_is_wrong(store: Store, artifacts: Artifacts, trace: Make) -> None:
    take_events(store, [trace("a").to_json(), trace("b", steps=()).to_json()])
    write_events_day(store, artifacts, "default", DAY)
    assert check_schema(artifacts, "default", DAY).passed
    good = artifacts.read_table(EVENTS)
    broken = [
        ("id", ["a", "a"], "unique"),
        ("source", ["production", "dream"], "in_set"),
        ("day", [DAY, "2026-11-21"], "in_set"),
        ("body", ["{}", "{"], "json_parseable"),
        ("project", ["default", None], "not_be_null"),
        ("project", ["default", "shop"], "in_set"),
    ]
    for column, values, expected in broken:
        artifacts.write_table(EVENTS, _with_column(good, column, values))
        outcome = check_schema(artifacts, "default", DAY)
        assert not outcome.passed
        (failure,) = outcome.metadata["failed_expectations"]
        assert failure["expectation"].endswith(expected)
        assert failure["column"] == column
    artifacts.write_table(EVENTS, good.drop_columns(["body"]))
    assert not check_schema(artifacts, "default", DAY).passed


def test_no_pii_fails_where_something_was_left(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a", "I am Mia, mia@example.com"))
    assert check_no_pii(artifacts, "default", DAY).passed
    left = trace("left", result='{"customer_name": "Xu Yz", "phone": "+1 415 555 0132"}')
    artifacts.write_traces(f"projects/default/days/{DAY}/clean_events.parquet", [left])
    outcome = check_no_pii(artifacts, "default", DAY)
    assert not outcome.passed
    assert outcome.metadata["found"] == {"PERSON": 1, "PHONE": 1}
    assert (outcome.metadata["traces"], outcome.metadata["examples"]) == (1, ["left"])
    assert "Xu" not in outcome.description
    with pytest.raises(NotFoundError):
        check_no_pii(artifacts, "default", "2026-11-19")


def test_no_pii_fails_where_the_redactor_misses_what_is_planted(
    artifacts: Artifacts, trace: Make, take_day: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_day(trace("a", "Hello"))
    (told,) = check_no_pii(artifacts, "default", DAY).metadata["canaries"].values()
    assert told["overall"]["recall"] >= 0.98
    assert told["PERSON zh"].keys() == {"planted", "recall", "demanded", "precision"}

    class Blind(Redactor):
        def redact_text(self, text: str, session: Any, thing: bool = False) -> str:
            return text

    monkeypatch.setattr("agent_factory.data.check.redactor_of_recipe", lambda name: Blind(("blind",), b""))
    outcome = check_no_pii(artifacts, "default", DAY)
    assert not outcome.passed
    assert "the redactor of desk finds" in outcome.description
    assert "at least 98% and 90% are asked for" in outcome.description


def test_enough_rows(store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]) -> None:
    take_day(trace("a"))
    manifest = build_dataset(store, artifacts, "sft", DatasetQuery(days=(DAY,)))
    assert check_enough_rows(manifest, 1).passed
    outcome = check_enough_rows(manifest, 2)
    assert not outcome.passed
    assert outcome.description == "D1 has 1 rows for training; at least 2 are asked for"


@pytest.mark.parametrize(
    ("said", "scenario_id", "how"),
    [
        ("Hello", "eval-1", "same scenario"),
        (OPENING.lower().replace("?", " ?").replace("yara sanchez", "Mia Li"), None, "same opening"),
        (OPENING.replace("8815", "1234").replace("Yara Sanchez", "Olu"), None, "near opening"),
        ("What of order 5, Yara Sanchez?", None, "same customer"),
        ("What of order 5? YARA@example.org", None, "same customer"),
        ("Could you kindly tell me whether my lamp is in stock? Mia Li", None, None),
    ],
)
def test_eval_leaks_are_found(
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    hold_out: Callable[..., ScenarioSet],
    said: str,
    scenario_id: str | None,
    how: str | None,
) -> None:
    take_day(trace("a", said, scenario_id=scenario_id), trace("b", said, "No.", scenario_id=scenario_id, success=False))
    held_out = hold_out()
    for kind in ("sft", "preference"):
        if kind == "preference" and scenario_id is None:
            continue
        manifest = build_dataset(store, artifacts, kind, DatasetQuery(days=(DAY,)))
        outcome = check_no_eval_leak(artifacts, manifest, [held_out])
        assert outcome.passed is (how is None)
        assert outcome.metadata["leaks"] == ({how: 1} if how else {})


def test_eval_dataset_holds_redacted_openings(
    store: Store, artifacts: Artifacts, hold_out: Callable[..., ScenarioSet]
) -> None:
    held_out = hold_out()
    query = DatasetQuery(taskset=held_out.id)
    manifest = build_dataset(store, artifacts, "eval", query)
    (row,) = artifacts.read_table(manifest.path).to_pylist()
    assert row["scenario_id"] == "eval-1"
    assert "<PERSON_1>" in row["messages"]
    assert "Yara" not in row["messages"]
    assert build_dataset(store, artifacts, "eval", query) == manifest


def test_held_out_tasks_may_be_asked_in_the_same_words_but_are_there_once(
    store: Store, artifacts: Artifacts, hold_out: Callable[..., ScenarioSet]
) -> None:
    query = DatasetQuery(taskset=hold_out(names=("eval-1", "eval-2")).id)
    manifest = build_dataset(store, artifacts, "eval", query)
    assert check_dataset_schema(artifacts, manifest).passed
    _spoil(artifacts, manifest.path, "scenario_id", "eval-2")
    outcome = check_dataset_schema(artifacts, manifest)
    assert [failure["column"] for failure in outcome.metadata["failed_expectations"]] == ["content"]


def _spoil(artifacts: Artifacts, path: str, column: str, value: Any) -> None:
    table = artifacts.read_table(path)
    values = table[column].to_pylist()
    field = table.schema.field(column)
    spoilt = pa.array([value, *values[1:]], type=field.type)
    artifacts.write_table(path, table.set_column(table.schema.get_field_index(column), field, spoilt))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("messages", '[{"role":"user","content":"cut off"}]', ["messages end"]),
        ("messages", "no JSON", ["messages end", "whole conversations"]),
        (
            "messages",
            '[{"role":"tool","tool_call_id":"c9","content":"x"},{"role":"assistant","content":"y"}]',
            ["answered calls"],
        ),
        ("messages", '[{"role":"robot","content":"x"},{"role":"assistant","content":"y"}]', ["whole conversations"]),
        ("trace_ids", [], ["traces"]),
        ("score", None, ["score"]),
        ("tools", '[{"name":"bare"}]', ["tools"]),
    ],
)
def test_a_datasets_rows_are_as_expected_or_the_column_is_named(
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    column: str,
    value: Any,
    told: list[str],
) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    manifest = build_dataset(store, artifacts, "sft", DatasetQuery(days=(DAY,)))
    assert check_dataset_schema(artifacts, manifest).passed
    _spoil(artifacts, manifest.path, column, value)
    outcome = check_dataset_schema(artifacts, manifest)
    assert not outcome.passed
    assert [failure["column"] for failure in outcome.metadata["failed_expectations"]] == told


@pytest.mark.parametrize("kind", ["preference", "eval"])
def test_pairs_and_cases_are_as_expected(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], kind: Any
) -> None:
    take_day(trace("a", scenario_id="s"), trace("b", answer="b", scenario_id="s", success=False))
    manifest = build_dataset(store, artifacts, kind, DatasetQuery(days=(DAY,)))
    assert check_dataset_schema(artifacts, manifest).passed
    _spoil(artifacts, manifest.path, "trace_ids", ["a", "b", "c"])
    assert not check_dataset_schema(artifacts, manifest).passed


def test_data_docs_tell_what_failed_but_no_value_and_ask_no_other_host(
    store: Store, artifacts: Artifacts, trace: Make
) -> None:
    take_events(store, [trace("a").to_json(), trace("b", steps=()).to_json()])
    write_events_day(store, artifacts, "default", DAY)
    broken = _with_column(artifacts.read_table(EVENTS), "source", ["mia@example.com", "production"])
    artifacts.write_table(EVENTS, broken)
    outcome = check_schema(artifacts, "default", DAY)
    page = artifacts.read_text(outcome.metadata["data_docs"])
    assert "values must belong to this set" in page
    assert "FAILED" in page
    assert "mia@" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|<script", page)


def test_the_checks_of_rows_hold_no_conversation_in_memory(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_day(trace("a", "word " * 20_000))
    manifest = build_dataset(store, artifacts, "sft", DatasetQuery(days=(DAY,)))
    sizes: list[int] = []

    def validate(name: str, rows: Any, expectations: list[Any]) -> expectation.Validation:
        sizes.append(int(rows.memory_usage(deep=True).sum()))
        return expectation.Validation(len(rows), [], "")

    monkeypatch.setattr(expectation, "_validate", validate)
    monkeypatch.delattr(Artifacts, "read_table")
    assert check_schema(artifacts, "default", DAY).metadata["rows"] == 1
    assert check_dataset_schema(artifacts, manifest).metadata["rows"] == 1
    assert len(sizes) == 2
    assert max(sizes) < 2_000, "a row's outline takes some hundred bytes, its conversation 100,000"
