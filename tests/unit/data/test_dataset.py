"""Datasets hold what was asked for, in an order and under a digest that follow from the traces alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agent_factory.contracts import DatasetManifest, Outcome, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.ingest import take_events

Make = Callable[..., Trace]
DAY = "2026-11-20"
QUERY = DatasetQuery(days=(DAY,), recipe="desk")


def test_sft_takes_what_is_worth_imitating(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    broke = Outcome(success=True, reward=1, graded_by="g", policy_violations=("cancelled a sent order",))
    take_day(
        trace("a", "I am Mia", system="Be kind.", metadata={"level": "L1", "kind": "track"}, scenario_id="s1"),
        trace("b", "I am Mia", system="Be kind.", scenario_id="s2"),  # the same conversation
        trace("c", answer="c", success=False),
        trace("d", answer="d", outcome=broke),
        trace("e", answer="e", success=None),  # the judge by rules is not enough
        trace("f", answer="f", recipe=None),
        trace("g", answer="g", source="evaluation"),
        trace("h", answer="h", failure="step limit"),
    )
    manifest = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    (row,) = artifacts.read_table(manifest.path).to_pylist()
    assert (manifest.id, manifest.rows, manifest.trace_count, manifest.build) == ("D1", 1, 1, "B1")
    assert row["trace_ids"] == ["a"]
    assert json.loads(row["messages"]) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "I am <PERSON_1>"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": "4417"}'}}
            ],
        },
        {"role": "tool", "content": '{"s":"sent"}', "tool_call_id": "c1", "name": "get_order"},
        {"role": "assistant", "content": "On its way."},
    ]
    assert manifest.statistics["rows_by_level"] == {"L1": 1}
    assert [subject.split(":")[0] for subject in row["subjects"]] == ["PERSON"]


def test_same_request_is_the_same_dataset(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    first = build_dataset(store, artifacts, "sft", QUERY)
    assert build_dataset(store, artifacts, "sft", QUERY) == first
    other = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    assert (other.id, other.digest) == ("D2", first.digest)
    take_day(trace("a2", answer="late"))
    later = build_dataset(store, artifacts, "sft", QUERY)
    assert (later.id, later.rows) == ("D3", 3)
    assert later.digest != first.digest
    assert [manifest.id for manifest in store.find(DatasetManifest)] == ["D1", "D2", "D3"]


def test_preference_pairs_the_same_task_then_the_same_kind(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    kind = {"metadata": {"kind": "track"}}
    take_day(
        trace("a-good", scenario_id="s1", system="P", answer="good", **kind),
        trace("b-bad", scenario_id="s1", system="P", answer="bad", success=False, **kind),
        trace("c-good", "Other?", scenario_id="s2", system="P", **kind),
        trace("d-bad", "Third?", scenario_id="s3", system="P", success=False, **kind),
        trace("e-bad", "Fourth?", scenario_id="s4", system="P", success=False),
    )
    rows = artifacts.read_table(build_dataset(store, artifacts, "preference", QUERY).path).to_pylist()
    assert [(row["pairing"], row["trace_ids"]) for row in rows] == [
        ("task", ["a-good", "b-bad"]),
        ("kind", ["c-good", "d-bad"]),
    ]
    by_task, by_kind = rows
    assert [message["role"] for message in json.loads(by_task["prompt"])] == ["system", "user"]
    assert json.loads(by_task["chosen"])[-1]["content"] == "good"
    assert json.loads(by_task["rejected"])[-1]["content"] == "bad"
    assert [message["role"] for message in json.loads(by_kind["prompt"])] == ["system"]
    assert json.loads(by_kind["rejected"])[0]["content"] == "Third?"


def test_pairs_use_every_trace_before_one_is_used_twice(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        *(trace(f"g{i}", scenario_id="s", answer=f"g{i}") for i in range(2)),
        *(trace(f"x{i}", scenario_id="s", answer=f"x{i}", success=False) for i in range(3)),
    )
    query = QUERY.model_copy(update={"max_pairs_per_task": 6})
    rows = artifacts.read_table(build_dataset(store, artifacts, "preference", query).path).to_pylist()
    pairs = [tuple(row["trace_ids"]) for row in rows]
    assert len(set(pairs)) == 6
    assert {trace_id for pair in pairs[:3] for trace_id in pair} == {"g0", "g1", "x0", "x1", "x2"}


def test_nothing_selected_says_what_was_looked_through(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a", success=False))
    with pytest.raises(InputError, match=r"sft dataset would be empty.*2026-11-20.*none labelled 0.8 or more"):
        build_dataset(store, artifacts, "sft", QUERY)
    assert store.find(DatasetManifest) == []
    take_events(store, trace("late", started_at="2026-11-21T01:00:00Z", created_at="2026-11-21T01:00:00Z").to_json())
    with pytest.raises(NotFoundError, match="2026-11-21 has traces, but no clean"):
        build_dataset(store, artifacts, "sft", DatasetQuery(days=(DAY, "2026-11-21"), recipe="desk", min_score=0))


def test_a_day_of_two_projects_is_two_days(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    take_day(trace("a", answer="theirs", project="shop"), project="shop")
    for project, ids in (("default", ["a", "b"]), ("shop", ["a"])):
        manifest = build_dataset(store, artifacts, "sft", QUERY.model_copy(update={"project": project}))
        rows = artifacts.read_table(manifest.path).to_pylist()
        assert [row["trace_ids"] for row in rows] == [[name] for name in ids]
        assert ("theirs" in rows[0]["messages"]) is (project == "shop")
        assert manifest.project == project


def test_days_without_traces_give_none(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a"))
    query = DatasetQuery(days=("2026-11-19", DAY), recipe="desk")
    assert build_dataset(store, artifacts, "sft", query).rows == 1
