"""Each format's documented shapes become traces; what they cannot hold is told. Genuine files stand in sample/."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agent_factory.contracts import Message, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.importing.importer import ImportReport, import_traces
from agent_factory.data.importing.row import Origin

SAMPLES = Path(__file__).parent / "sample"
DAY = date(2026, 11, 19)
Import = Callable[..., tuple[ImportReport, list[Trace]]]

TOOL = {
    "type": "function",
    "function": {"name": "get_order", "description": "Looks an order up", "parameters": {"type": "object"}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": "4417"}'}}
CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Where is it?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": '{"state": "sent"}'},
    {"role": "assistant", "content": "On its way.", "weight": 1},
]


@pytest.fixture
def take(store: Store, artifacts: Artifacts, tmp_path: Path) -> Import:
    """Imports rows as JSON lines (or a file), twice, and gives the report and the traces in order."""

    def run(rows: Any, format_: str = "auto", **fields: Any) -> tuple[ImportReport, list[Trace]]:
        path = rows
        if not isinstance(rows, Path):
            path = tmp_path / "rows.jsonl"
            path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        origin = Origin(path, "default", **{"day": DAY, **fields})
        first = import_traces(store, artifacts, origin, format_)
        again = import_traces(store, artifacts, origin, format_)
        assert (again.accepted, again.duplicates, again.quarantined) == (
            0,
            first.accepted + first.duplicates,
            first.quarantined,
        )
        log = TraceLog(store)
        return first, [trace for day in first.days for trace in log.of_day(day, "default")]

    return run


def said(trace: Trace) -> list[tuple[str, str | None]]:
    return [(message.role, message.content) for message in trace.messages()]


def test_fine_tuning_rows_with_tools(take: Import) -> None:
    report, (trace,) = take([{"messages": CHAT, "tools": [TOOL], "parallel_tool_calls": False}])
    assert (report.format, report.accepted, report.quarantine_path) == ("openai-chat", 1, None)
    assert (trace.system, trace.day, trace.source, trace.outcome) == ("Be kind.", "2026-11-19", "import", None)
    assert trace.tools[0].name == "get_order"
    assert trace.steps[0].action.tool_calls[0].arguments == {"order_id": "4417"}
    assert said(trace)[-2:] == [("tool", '{"state": "sent"}'), ("assistant", "On its way.")]
    assert trace.metadata["weights"] == [1]


def test_older_spellings_of_chat(take: Import) -> None:
    rows = [
        {
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
                {"role": "user", "content": "Where?"},
                {"role": "assistant", "content": "", "function_call": {"name": "get_order", "arguments": "{}"}},
                {"role": "function", "name": "get_order", "content": "sent"},
                {"role": "assistant", "content": None, "refusal": "No."},
                {"role": "user", "content": "Thanks"},
            ],
            "functions": [{"name": "get_order", "parameters": {"type": "object"}}],
        }
    ]
    _, (trace,) = take(rows)
    assert trace.system == "Be\nkind."
    call = trace.steps[0].action.tool_calls[0]
    assert trace.steps[1].observation[0].tool_call_id == call.id
    assert said(trace)[-1] == ("user", "Thanks")
    assert trace.closing[0].content == "Thanks"


def test_preference_tuning_rows_are_two_traces_of_one_scenario(take: Import) -> None:
    row = {
        "input": {"messages": CHAT[:2], "tools": [TOOL]},
        "preferred_output": [{"role": "assistant", "content": "On its way."}],
        "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
    }
    report, traces = take([row])
    assert (report.format, report.accepted) == ("openai-chat", 2)
    assert {trace.steps[0].action.content: trace.outcome and trace.outcome.success for trace in traces} == {
        "On its way.": True,
        "No idea.": False,
    }
    assert len({trace.scenario_id for trace in traces}) == 1


def test_rows_that_tell_no_outcome_get_the_one_that_is_given(take: Import) -> None:
    _, (trace,) = take([{"messages": CHAT}], success=True, recipe="desk")
    assert trace.outcome is not None
    assert (trace.outcome.success, trace.outcome.graded_by, trace.recipe) == (True, "import", "desk")


def test_rows_that_tell_no_time_ask_for_a_day(store: Store, artifacts: Artifacts, take: Import, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give a day \(--day"):
        take([{"messages": CHAT}], day=None)
    assert TraceLog(store).arrivals("default") == []
    timed = {"messages": CHAT, "created_at": "2026-11-18T10:00:00Z"}
    report, (trace,) = take([timed, {"messages": CHAT}], "hugging-face", day=None)
    assert (trace.day, report.quarantined) == ("2026-11-18", 1)
    assert "give a day" in report.examples[0].reason


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1763700000,
    "status": "completed",
    "model": "gpt-x",
    "instructions": "Be kind.",
    "tools": [{"type": "function", **TOOL["function"]}, {"type": "web_search"}],  # type: ignore[dict-item]
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}],
        },
    ],
    "usage": {"input_tokens": 11, "output_tokens": 3, "total_tokens": 14},
}
INPUT = [
    {"role": "user", "content": [{"type": "input_text", "text": "Where?"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
    {"type": "function_call", "call_id": "c1", "name": "get_order", "arguments": '{"order_id": "1"}', "id": "fc_1"},
    {"type": "function_call", "call_id": "c2", "name": "get_order", "arguments": '{"order_id": "2"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "sent"},
    {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "lost"}]},
]


@pytest.mark.parametrize(
    "row",
    [
        {**RESPONSE, "input": INPUT},
        {"request": {"model": "gpt-x", "input": INPUT, "tools": RESPONSE["tools"]}, "response": RESPONSE},
        {"request": {"body": {"input": INPUT}}, "response": {"status_code": 200, "body": RESPONSE}},
    ],
)
def test_responses_with_their_input(take: Import, row: dict[str, Any]) -> None:
    report, (trace,) = take([row], day=None)
    assert (report.format, trace.day, trace.system, trace.model) == (
        "openai-responses",
        "2025-11-21",
        "Be kind.",
        "gpt-x",
    )
    assert [len(step.action.tool_calls) for step in trace.steps] == [2, 0]
    assert trace.steps[0].action.content == "I look."
    assert [message.content for message in trace.steps[1].observation] == ["sent", "lost"]
    assert trace.steps[1].usage is not None
    assert trace.steps[1].usage.prompt_tokens == 11
    assert [tool.name for tool in trace.tools] == ["get_order"]


def test_responses_of_which_something_is_missing(take: Import) -> None:
    rows = [
        {**RESPONSE, "input": "Where?"},
        {**RESPONSE, "id": "resp_2", "input": [{"type": "computer_call", "call_id": "c"}]},
        RESPONSE,
        {**RESPONSE, "input": INPUT[4:]},
        {**RESPONSE, "input": "Hi", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ]
    report, traces = take(rows, "openai-responses")
    assert [item.place for item in report.examples] == ["line 2", "line 3", "line 4"]
    told = [item.reason for item in report.examples]
    assert "item 0: its type is 'computer_call'" in told[0]
    assert "it holds no input" in told[1]
    assert "answers the call 'c1', which is not before it" in told[2]
    assert {trace.failure for trace in traces} == {None, "incomplete: max_output_tokens"}


def test_spans_as_an_exporter_wrote_them(take: Import) -> None:
    report, traces = take(SAMPLES / "weather.otlp.json", day=None)
    assert (report.format, report.accepted) == ("otel", 2)
    first, last = sorted(traces, key=lambda trace: trace.started_at)
    assert {trace.session_id for trace in traces} == {"conv_1"}
    assert last.messages()[: len(first.messages())] == first.messages()
    assert (last.system, last.tools[0].name, last.source) == ("Be kind.", "weather", "production")
    assert said(last)[-2:] == [("tool", '{"c": 12}'), ("assistant", "It is 12 C.")]
    assert last.steps[-1].usage is not None
    assert last.steps[0].usage is None


def test_spans_of_a_collectors_file_and_structured_messages(take: Import, tmp_path: Path) -> None:
    request = json.loads((SAMPLES / "weather.otlp.json").read_text())
    (span,) = [item for item in request["resourceSpans"][0]["scopeSpans"][0]["spans"] if "chat" in item["name"]][:1]
    for item in span["attributes"]:
        if item["key"] == "gen_ai.input.messages":
            part = {"kvlistValue": {"values": [_pair("type", "text"), _pair("content", "Hello")]}}
            message = [_pair("role", "user"), {"key": "parts", "value": {"arrayValue": {"values": [part]}}}]
            item["value"] = {"arrayValue": {"values": [{"kvlistValue": {"values": message}}]}}
    span["status"] = {"code": 2, "message": "overloaded"}
    lines = [json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}), "{broken", '{"resourceSpans": 7}']
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(lines))
    report, (trace,) = take(path, day=None)
    assert said(trace)[0] == ("user", "Hello")
    assert trace.failure == "overloaded"
    assert [item.place for item in report.examples] == ["line 2", "line 3"]


def _pair(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def test_an_inspect_log_as_inspect_wrote_it(take: Import) -> None:
    report, traces = take(SAMPLES / "sums.eval", day=None)
    assert (report.format, report.accepted) == ("inspect", 2)
    trace = next(trace for trace in traces if trace.scenario_id == "sums-s1")
    assert (trace.system, trace.tools[0].name) == ("You add.", "add")
    assert trace.steps[0].action.tool_calls[0].arguments == {"x": 1, "y": 1}
    assert said(trace)[-2:] == [("tool", "2"), ("assistant", "The sum is 2.")]
    assert {one.scenario_id: one.outcome and (one.outcome.success, one.outcome.graded_by) for one in traces} == {
        "sums-s1": (True, "inspect:includes"),
        "sums-2": (False, "inspect:includes"),
    }
    assert all(step.usage for step in trace.steps)


def test_inspect_logs_as_json_with_attachments_errors_and_limits(take: Import, tmp_path: Path) -> None:
    def sample(name: Any, messages: list[Any], **fields: Any) -> dict[str, Any]:
        return {"id": name, "epoch": 1, "input": "", "target": "", "messages": messages, **fields}

    ask, answer = {"role": "user", "content": "attachment://a1"}, {"role": "assistant", "content": "Yes.", "id": "m"}
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c", "function": "f", "arguments": {}}],
        "id": "n",
    }
    result = {"role": "tool", "content": "", "tool_call_id": "c", "error": {"type": "timeout", "message": "too slow"}}
    picture = {"role": "user", "content": [{"type": "image", "image": "data:"}]}
    log = {
        "version": 2,
        "status": "success",
        "eval": {"created": "2026-11-19T06:23:56+00:00", "task": "a/b c", "model": "x/y", "run_id": "r"},
        "samples": [
            sample("1", [ask, call, result, answer], attachments={"a1": "Long."}, scores={"m": {"value": 0.5}}),
            sample("2", [picture, answer]),
            sample("3", [ask, answer], error={"message": "boom"}, scores={"m": {"value": {"a": 1}}}),
            sample("4", [ask, answer], limit={"type": "time"}, scores={"m": {"value": "P"}}),
        ],
    }
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log, indent=1))
    report, traces = take(path, day=None)
    assert [item.place for item in report.examples] == ["sample 1"]
    assert "a part of type 'image'" in report.examples[0].reason
    first, third, fourth = sorted(traces, key=lambda trace: str(trace.scenario_id))
    assert said(first)[0] == ("user", "Long.")
    assert first.steps[1].error == "too slow"
    assert first.outcome is not None
    assert (first.outcome.success, first.outcome.reward) == (False, 0.5)
    assert (third.failure, third.outcome) == ("boom", None)
    assert fourth.failure == 'limit: {"type": "time"}'


def test_a_member_that_is_packed_in_another_way_is_told(take: Import, tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_journal/start.json", json.dumps({"eval": {"created": "2026-11-19T06:23:56+00:00"}}))
        sample = {"id": 1, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}]}
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample))
        archive.writestr("samples/2_epoch_1.json", "{}")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"samples/2_epoch_1.json") - 46  # the entry of the directory, which tells the method
    data[at + 10 : at + 12] = (98).to_bytes(2, "little")
    path.write_bytes(data)
    report, (trace,) = take(path, day=None)
    assert said(trace) == [("user", "Hi"), ("assistant", "Hi")]
    assert report.examples[0].place == "samples/2_epoch_1.json"
    assert "packed by method 98" in report.examples[0].reason
    assert "inspect log convert --to json" in report.examples[0].reason


def test_conversations_of_share_gpt(take: Import) -> None:
    row = {
        "conversations": [
            {"from": "system", "value": "Be kind."},
            {"from": "human", "value": "Where?"},
            {"from": "function_call", "value": '{"name": "get_order", "arguments": {"order_id": "4417"}}'},
            {"from": "observation", "value": "sent"},
            {"from": "gpt", "value": "On its way."},
        ],
        "tools": json.dumps([TOOL["function"]]),
    }
    report, (trace,) = take([row])
    assert (report.format, trace.system, trace.tools[0].name) == ("hugging-face", "Be kind.", "get_order")
    assert trace.steps[0].action.tool_calls[0].arguments == {"order_id": "4417"}
    assert [role for role, _ in said(trace)] == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Where?", "chosen": "On its way.", "rejected": "No idea."},
        {
            "prompt": [{"role": "user", "content": "Where?"}],
            "chosen": [{"role": "assistant", "content": "On its way."}],
            "rejected": [{"role": "assistant", "content": "No idea."}],
        },
        {
            "prompt": "Where?",
            "chosen": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "On its way."}],
            "rejected": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "No idea."}],
        },
    ],
)
def test_preferences_are_pairs_of_one_scenario(take: Import, row: dict[str, Any]) -> None:
    report, traces = take([{**row, "score_chosen": 8.5, "score_rejected": 2.0}])
    assert (report.format, report.accepted) == ("hugging-face", 2)
    assert len({trace.scenario_id for trace in traces}) == 1
    assert {
        said(trace)[-1][1]: trace.outcome and (trace.outcome.success, trace.outcome.reward) for trace in traces
    } == {
        "On its way.": (True, 8.5),
        "No idea.": (False, 2.0),
    }
    assert all(said(trace)[0] == ("user", "Where?") and len(said(trace)) == 2 for trace in traces)


def test_prompts_with_completions_and_labels(take: Import) -> None:
    rows = [
        {"prompt": "Where?", "completion": "On its way.", "label": True},
        {"prompt": "Where?", "completion": "No idea.", "label": False},
        {"prompt": "Where?", "completion": "Hm."},
    ]
    _, traces = take(rows)
    assert {said(trace)[-1][1]: trace.outcome and trace.outcome.success for trace in traces} == {
        "On its way.": True,
        "No idea.": False,
        "Hm.": None,
    }


def test_a_parquet_file_is_read_in_batches(take: Import, tmp_path: Path) -> None:
    calls = [{"id": "c", "function": {"name": "f", "arguments": {"a": "1", "b": None}}}]
    odd = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    rows = [
        {"messages": [{"role": "user", "content": f"Hi {n}"}, {"role": "assistant", "content": "Hi"}]}
        for n in range(450)
    ]
    rows += [{"messages": odd}, {"messages": [{"role": "user", "content": "Nobody answers"}]}, {"messages": None}]  # type: ignore[list-item]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100)
    report, traces = take(path)
    assert (report.format, report.accepted, report.quarantined) == ("hugging-face", 451, 2)
    assert [(item.place, item.reason) for item in report.examples] == [
        ("row 451", "it holds no message of an assistant: there is nothing to learn from"),
        (
            "row 452",
            "its columns are : expected messages, conversations, prompt and completion, or chosen and rejected",
        ),
    ]
    called = next(trace for trace in traces if trace.steps[0].action.tool_calls)
    assert called.steps[0].action.tool_calls[0].arguments == {"a": "1"}


def test_packed_lines_are_read(take: Import, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps({"messages": CHAT}).encode() + b"\r\n\r\n"))
    assert take(path)[0].accepted == 1
    whole = path.read_bytes()
    path.write_bytes(whole[:-12])
    with pytest.raises(InputError, match="cannot be read"):
        take(path)


@pytest.mark.parametrize("rows", [[{"text": "a"}], [{"eval": 1}], [[1]], []])
def test_what_a_file_is_is_not_guessed(take: Import, rows: list[Any]) -> None:
    with pytest.raises(InputError, match="cannot be told from it: give --format"):
        take(rows)


def test_messages_with_other_columns_are_a_data_set(take: Import) -> None:
    report, (trace,) = take([{"messages": CHAT, "source": "web"}])
    assert report.format == "hugging-face"
    assert trace.messages()[0] == Message(role="user", content="Where is it?")
