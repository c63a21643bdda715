"""Datasets hold what was asked for, in an order and under a digest that follow from the traces alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from agent_factory.contracts import DatasetManifest, Message, Outcome, Step, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data import dataset as room
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


def test_a_conversation_with_a_broken_turn_is_nothing_to_imitate(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    good, told = trace("a"), trace("b", "And 4418?")
    spoken = told.steps[1].action.model_copy(update={"content": 'get_order", "arguments": {"order_id": "4418"}}'})
    again = Message(role="user", content="Pardon?")
    last = Step(index=2, observation=(again,), action=Message(role="assistant", content="It is sent."))
    seen = told.steps[1].model_copy(update={"error": "malformed: the action announces a tool call and is none"})
    unseen = told.steps[1].model_copy(update={"action": spoken})  # recorded by someone who did not notice
    take_day(
        good,
        told.model_copy(update={"id": "noticed", "steps": (told.steps[0], seen, last)}),
        told.model_copy(update={"id": "unnoticed", "steps": (told.steps[0], unseen, last)}),
    )
    (row,) = artifacts.read_table(build_dataset(store, artifacts, "sft", QUERY).path).to_pylist()
    assert row["trace_ids"] == ["a"]


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


def _turn(trace: Make, session: str, number: int, said: str, **fields: Any) -> Trace:
    """A turn of a session: what was said before, and one message and answer more."""
    whole = trace(f"{session}-{number}", said, session_id=session, **fields)
    before = [
        Step(
            index=index,
            observation=(Message(role="user", content=f"{said} {index}"),),
            action=Message(role="assistant", content=f"Yes to {index}."),
        )
        for index in range(number - 1)
    ]
    later = [step.model_copy(update={"index": step.index + len(before)}) for step in whole.steps]
    return whole.model_copy(update={"steps": (*before, *later)})


def _at(hour: str) -> dict[str, str]:
    return {"started_at": hour, "created_at": hour}


def test_a_session_is_taken_once_by_its_last_turn(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        _turn(trace, "s1", 10, "ten", **_at("2026-11-20T12:00:00Z")),  # its id is below that of the ninth
        _turn(trace, "s1", 9, "ten", **_at("2026-11-20T11:00:00Z")),
        _turn(trace, "s1", 1, "ten", **_at("2026-11-20T10:00:00Z")),
        _turn(trace, "s2", 9, "two"),  # both told of when the session began
        _turn(trace, "s2", 10, "two", success=False),
        trace("alone", answer="alone"),
    )
    manifest = build_dataset(store, artifacts, "sft", QUERY.model_copy(update={"min_score": 0.0}))
    rows = artifacts.read_table(manifest.path).to_pylist()
    assert [row["trace_ids"] for row in rows] == [["alone"], ["s1-10"], ["s2-10"]]
    assert manifest.statistics["superseded_traces"] == 3
    good = build_dataset(store, artifacts, "sft", QUERY)
    assert [row["trace_ids"] for row in artifacts.read_table(good.path).to_pylist()] == [["alone"], ["s1-10"]]


def test_a_session_that_crosses_midnight_is_told_by_its_last_turn_in_the_window(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        _turn(trace, "s1", 1, "a", **_at("2026-11-19T23:50:00Z")),
        trace("x", **_at("2026-11-19T12:00:00Z")),
        day="2026-11-19",
    )
    take_day(_turn(trace, "s1", 2, "a", **_at("2026-11-20T00:10:00Z")))
    take_day(_turn(trace, "s1", 3, "theirs", project="shop", **_at("2026-11-20T00:20:00Z")), project="shop")
    for days, ids, superseded in (
        (("2026-11-19",), [["s1-1"], ["x"]], 0),
        (("2026-11-20", "2026-11-19"), [["x"], ["s1-2"]], 1),
        ((DAY,), [["s1-2"]], 0),
    ):
        manifest = build_dataset(store, artifacts, "sft", QUERY.model_copy(update={"days": days}))
        assert [row["trace_ids"] for row in artifacts.read_table(manifest.path).to_pylist()] == ids
        assert manifest.statistics["superseded_traces"] == superseded


def test_an_earlier_turn_is_no_worse_partner_of_its_own_session(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        _turn(trace, "s1", 1, "a", scenario_id="s", success=False, **_at("2026-11-20T10:00:00Z")),
        _turn(trace, "s1", 2, "a", scenario_id="s", **_at("2026-11-20T11:00:00Z")),
        trace("other", "b", scenario_id="s", success=False),
    )
    manifest = build_dataset(store, artifacts, "preference", QUERY)
    assert [row["trace_ids"] for row in artifacts.read_table(manifest.path).to_pylist()] == [["s1-2", "other"]]


def test_what_was_not_asked_for_supersedes_nothing(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        _turn(trace, "s1", 1, "a", **_at("2026-11-20T10:00:00Z")),
        _turn(trace, "s1", 2, "a", recipe="gone", **_at("2026-11-20T11:00:00Z")),
        _turn(trace, "s1", 3, "a", source="evaluation", **_at("2026-11-20T12:00:00Z")),
    )
    manifest = build_dataset(store, artifacts, "sft", QUERY)
    assert [row["trace_ids"] for row in artifacts.read_table(manifest.path).to_pylist()] == [["s1-1"]]
    assert manifest.statistics["superseded_traces"] == 0


def test_days_without_traces_give_none(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a"))
    query = DatasetQuery(days=("2026-11-19", DAY), recipe="desk")
    assert build_dataset(store, artifacts, "sft", query).rows == 1


def test_the_same_asked_for_at_once_is_one_dataset(
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    looked, find = Barrier(6), room._find_known

    def find_at_once(*asked: Any) -> DatasetManifest | None:
        found = find(*asked)
        looked.wait(60)  # all have looked before one writes
        return found

    monkeypatch.setattr(room, "_find_known", find_at_once)
    builds = [None, None, None, None, "B1", "B1"]
    with ThreadPoolExecutor(len(builds)) as pool:
        made = list(pool.map(lambda build: build_dataset(store, artifacts, "sft", QUERY, build=build), builds))
    free, ordered = {item.id for item in made[:4]}, {item.id for item in made[4:]}
    assert free | ordered == {"D1", "D2"}
    assert len(free) == len(ordered) == 1
    assert all(item == made[0] for item in made[:4])
    assert sorted(item.id for item in store.find(DatasetManifest)) == ["D1", "D2"]
    assert store.next_number("D") == 2
    assert sum(1 for _ in artifacts.read_rows(made[0].path)) == made[0].rows


def test_a_dataset_whose_making_was_killed_is_made_under_its_name(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_day(trace("a"))
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "write_rows", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_dataset(store, artifacts, "sft", QUERY)
    assert build_dataset(store, artifacts, "sft", QUERY).id == "D1"
    artifacts.files.rm(artifacts.locate("datasets/D1.parquet"))
    assert build_dataset(store, artifacts, "sft", QUERY).id == "D1"
    assert artifacts.exists("datasets/D1.parquet")
