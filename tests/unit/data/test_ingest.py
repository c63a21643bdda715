"""Each kind of bad event is told apart, and a refused payload leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agent_factory.contracts import Trace
from agent_factory.core import clock
from agent_factory.core.error import ConflictError, InputError, TooLargeError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.ingest import require_trace, take_events

Make = Callable[..., Trace]


def test_one_a_batch_and_ndjson_are_taken_and_repeats_are_duplicates(store: Store, trace: Make) -> None:
    events = [trace(f"t{i}").to_json() for i in range(3)]
    assert take_events(store, events[0]).accepted == 1
    assert take_events(store, events).accepted == 2
    lines = "\n".join(json.dumps(event) for event in events)
    receipt = take_events(store, f"{lines}\n\n".encode())
    assert (receipt.accepted, receipt.duplicates) == (0, 3)


def test_project_and_arrival_are_filled_in(store: Store, trace: Make) -> None:
    event = trace("t1").to_json()
    del event["project"], event["created_at"]
    take_events(store, event, "shop")
    kept = TraceLog(store).get("t1", "shop")
    assert kept is not None
    assert kept.project == "shop"


def _change(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**event, **fields}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"source": "dream"}, r"event 1 \(id 'bad'\): source: Input should be .*, got 'dream'"),
        ({"started_at": "2026-11-20T09:00:00"}, "started_at: Input should have timezone info"),
        ({"started_at": (clock.now() + timedelta(days=1)).isoformat()}, "started_at: .* no data is taken of"),
        ({"started_at": "2023-12-31T23:59:59Z"}, r"started_at: 2023-\S+ is on a day .* expected 2024-01-01 to 20"),
        ({"started_at": "2024-01-01T00:30:00+01:00"}, "started_at: .* no data is taken of"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at: .* no data is taken of"),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, "started_at: .* no data is taken of"),
        ({"steps": None}, "steps: Input should be a valid tuple"),
        ({"extra": "private"}, "extra: Extra inputs are not permitted$"),
        ({"project": "other"}, "project: it is 'other', this sender's is 'default'"),
        ({"metadata": {"x": "y" * 5000}}, "characters, at most 4000 are taken"),
        ({"id": "../x"}, r"id: '../x' is not a name"),
    ],
)
def test_malformed_event_is_named_by_index_and_field(
    store: Store, trace: Make, fields: dict[str, Any], told: str
) -> None:
    events = [trace("good").to_json(), _change(trace("bad").to_json(), **fields)]
    with pytest.raises(InputError, match=told) as caught:
        take_events(store, events, event_bytes=4000)
    assert "1 of 2 events refused, none was kept" in str(caught.value)
    assert "private" not in str(caught.value)
    assert TraceLog(store).get("good", "default") is None


def test_every_malformed_event_is_named(store: Store, trace: Make) -> None:
    text = "\n".join(["{broken", "[1]", json.dumps(trace("good").to_json()), '{"id": "t"}'])
    with pytest.raises(InputError) as caught:
        take_events(store, text)
    message = str(caught.value)
    assert "event 0: it is not JSON" in message
    assert "event 1: expected a JSON object, got list" in message
    assert "event 3 (id 't'): source: Field required; started_at: Field required; steps: Field required" in message
    with pytest.raises(InputError, match=r"event 0: it is not UTF-8: byte 0 is 0xff\. Save the text as UTF-8"):
        take_events(store, b"\xff\xfe")
    with pytest.raises(InputError, match="it is not UTF-8: byte 2 is 0xe9"):
        take_events(store, '{"é": 1}'.encode("latin-1"))
    with pytest.raises(InputError, match="it is not JSON: NaN is no JSON number"):
        take_events(store, '{"x": NaN}')


def test_same_id_with_other_content_is_refused_whole(store: Store, trace: Make) -> None:
    take_events(store, trace("t1").to_json())
    with pytest.raises(ConflictError, match=r"t1.*known with other content"):
        take_events(store, [trace("t2").to_json(), trace("t1", answer="Lost.").to_json()])
    assert TraceLog(store).get("t2", "default") is None


def test_what_is_only_too_large_is_told_apart(store: Store, trace: Make) -> None:
    large = _change(trace("t1").to_json(), metadata={"x": "y" * 5000})
    with pytest.raises(TooLargeError, match=r"event 1 \(id 't1'\): it has \d+ characters, at most 4000 are taken"):
        take_events(store, [trace("t0").to_json(), large], event_bytes=4000)
    with pytest.raises(InputError) as caught:
        take_events(store, [{"id": "t0"}, large], event_bytes=4000)
    assert not isinstance(caught.value, TooLargeError)


def test_a_character_that_no_database_has_is_kept(store: Store, trace: Make) -> None:
    take_events(store, trace("t1", answer="a\x00b").to_json())
    kept = TraceLog(store).get("t1", "default")
    assert kept is not None
    assert kept.steps[-1].action.content == "a\x00b"


def test_text_that_is_no_text_is_refused(store: Store, trace: Make) -> None:
    event = trace("t1").to_json()
    event["metadata"] = {"x": "\ud800"}
    with pytest.raises(InputError, match="event 0"):
        take_events(store, event)


def test_the_first_day_and_all_of_today_are_taken(store: Store, trace: Make) -> None:
    tonight = f"{clock.today()}T23:59:59Z"
    events = [trace("old", started_at="2024-01-01T00:00:00Z"), trace("new", started_at=tonight)]
    assert take_events(store, [event.to_json() for event in events]).accepted == 2


def test_two_projects_have_a_trace_of_the_same_id(store: Store, trace: Make) -> None:
    take_events(store, trace("t1").to_json())
    assert take_events(store, trace("t1", project="shop", answer="Lost.").to_json(), "shop").accepted == 1
    answers = [TraceLog(store).get("t1", project) for project in ("default", "shop", "third")]
    assert [kept and kept.steps[-1].action.content for kept in answers] == ["On its way.", "Lost.", None]


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def _with_step(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**event, "steps": [{**event["steps"][0], **fields}, *event["steps"][1:]]}


def _with_arguments(event: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"id": "c1", "name": "get_order", "arguments": arguments}
    return _with_step(event, action={"role": "assistant", "tool_calls": [call]})


@pytest.mark.parametrize("depth", [64, 200, 300, 900])
def test_what_is_nested_too_deeply_to_be_read_again_is_refused(store: Store, trace: Make, depth: int) -> None:
    event = trace("t1").to_json()
    told = r"event 0 \(id 't1'\): .*nested more than 64 levels deep; send what is deeper as text$"
    tool = {"name": "get_order", "description": "", "parameters": {"a": _nested(depth)}}
    for bad in (
        _change(event, metadata={"a": _nested(depth)}),
        _with_arguments(event, {"a": _nested(depth)}),
        _change(event, tools=[tool]),
    ):
        with pytest.raises(InputError, match=told) as caught:
            take_events(store, bad)
        assert len(str(caught.value)) < 400


def test_what_is_nested_as_deeply_as_may_be_is_read_again(store: Store, trace: Make) -> None:
    take_events(store, _with_arguments(trace("t1", metadata={"a": _nested(63)}).to_json(), {"a": _nested(63)}))
    (kept,) = TraceLog(store).of_day(trace("t1").day, "default")
    assert kept.metadata == {"a": _nested(63)}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda event: _with_step(event, cost=1e308), r"steps\.0\.cost: .*less than or equal to .*, got 1e\+308"),
        (lambda event: _with_step(event, cost=1e999), r"steps\.0\.cost: .*finite number, got inf"),
        (lambda event: _with_step(event, latency_seconds=1e10), r"steps\.0\.latency_seconds: .*, got 1"),
        (lambda event: _with_step(event, reward=-1e308), r"steps\.0\.reward: .*, got -1e\+308"),
        (
            lambda event: _with_step(event, usage={"prompt_tokens": 10**30, "completion_tokens": 1}),
            r"steps\.0\.usage\.prompt_tokens: ",
        ),
        (lambda event: _change(event, metadata={"a": [1e999]}), "metadata: it holds a number that is not finite"),
        (lambda event: _with_arguments(event, {"a": -1e999}), "arguments of call 'c1': .* not finite"),
        (lambda event: _change(event, metadata={"a": {"\ud800": 1}}), "metadata: .* not Unicode"),
        (lambda event: _with_arguments(event, {"\ud800": 1}), "arguments of call 'c1': .* not Unicode"),
        (lambda event: _change(event, pseudonyms={"\ud800": "x"}), "pseudonyms: .* not Unicode"),
    ],
)
def test_what_would_be_kept_otherwise_than_it_came_is_refused(
    store: Store, trace: Make, change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        take_events(store, change(trace("t1").to_json()))
    assert TraceLog(store).get("t1", "default") is None


def test_a_trace_that_reads_otherwise_once_kept_is_refused(trace: Make) -> None:
    """Copies are not validated: the rule does not trust whoever made the trace."""
    step = trace("t1").steps[0].model_copy(update={"latency_seconds": 1e30})
    with pytest.raises(InputError, match=r"it could not be read again: steps\.0\.latency_seconds"):
        require_trace(trace("t1").model_copy(update={"steps": (step,)}))
    with pytest.raises(InputError, match="metadata: it would be kept otherwise"):
        require_trace(trace("t1").model_copy(update={"metadata": {"a": (1, 2)}}))
