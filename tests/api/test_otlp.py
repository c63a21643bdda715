"""An exporter points at /v1/traces: calls to a model become traces, and each way of failing is told as OTLP asks."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agent_factory.api.context import Context
from agent_factory.core.error import StorageError
from agent_factory.core.tracelog import TraceLog

SAMPLES = Path(__file__).parents[1] / "unit" / "data" / "importing" / "sample"
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def request_() -> dict[str, Any]:
    """What opentelemetry-util-genai 1.3b0 exported: two calls to a model, a tool and an agent."""
    return json.loads((SAMPLES / "weather.otlp.json").read_text())


def spans(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for one in request["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]


def test_json_and_protobuf_are_the_same_traces(client: TestClient, context: Context, request_: dict[str, Any]) -> None:
    first = client.post("/v1/traces", json=request_)
    assert (first.status_code, first.json()) == (200, {})
    kept = TraceLog(context.store).of_session("conv_1", "default")
    assert len(kept) == 2
    for body in ((SAMPLES / "weather.otlp.pb").read_bytes(),):
        for headers, sent in ((PROTOBUF, body), ({**PROTOBUF, "Content-Encoding": "gzip"}, gzip.compress(body))):
            reply = client.post("/v1/traces", content=sent, headers=headers)
            assert reply.status_code == 200
            assert reply.headers["Content-Type"] == "application/x-protobuf"
            assert not ExportTraceServiceResponse.FromString(reply.content).HasField("partial_success")
    assert TraceLog(context.store).of_session("conv_1", "default") == kept


def test_a_call_that_cannot_be_taken_keeps_no_other_out(
    client: TestClient, context: Context, request_: dict[str, Any]
) -> None:
    silent, talking = (span for span in spans(request_) if span["name"] == "chat gpt-x")
    silent["attributes"] = [item for item in silent["attributes"] if "messages" not in item["key"]]
    reply = client.post("/v1/traces", json=request_).json()
    assert reply["partialSuccess"]["rejectedSpans"] == 1
    assert silent["spanId"] in reply["partialSuccess"]["errorMessage"]
    assert "CAPTURE_MESSAGE_CONTENT=SPAN_ONLY" in reply["partialSuccess"]["errorMessage"]
    (kept,) = TraceLog(context.store).of_session("conv_1", "default")
    assert kept.id.endswith(talking["spanId"])
    # The same span with other content, in protobuf's shape of an answer.
    talking["endTimeUnixNano"] = str(int(talking["endTimeUnixNano"]) + 10**9)
    other = client.post("/v1/traces", json=request_).json()["partialSuccess"]
    assert other["rejectedSpans"] == 2
    assert "known with other content" in other["errorMessage"]


def test_spans_of_other_things_are_taken_and_say_nothing(
    client: TestClient, context: Context, request_: dict[str, Any]
) -> None:
    for scope in request_["resourceSpans"][0]["scopeSpans"]:
        scope["spans"] = [span for span in scope["spans"] if span["name"] != "chat gpt-x"]
    assert client.post("/v1/traces", json=request_).json() == {}
    assert client.post("/v1/traces", json={"resourceSpans": []}).json() == {}
    assert TraceLog(context.store).arrivals("default") == []


def test_another_project_has_its_own(client: TestClient, context: Context, request_: dict[str, Any]) -> None:
    client.post("/v1/traces", json=request_, headers={"X-Project": "shop"})
    assert [arrival.traces for arrival in TraceLog(context.store).arrivals("shop")] == [2]
    assert TraceLog(context.store).arrivals("default") == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (b"{", JSON, 400, "not JSON"),
        (b"[]", JSON, 400, "expected an object"),
        (b'{"spans": []}', JSON, 400, "resourceSpans"),
        (b'{"resourceSpans": [7]}', JSON, 400, "no ExportTraceServiceRequest"),
        (b"\xff\xff", PROTOBUF, 400, "protobuf"),
        (b"a", {"Content-Type": "text/plain"}, 400, "content type"),
        (b" " * (16 * 2**20 + 1), JSON, 413, "more than"),
    ],
)
def test_what_is_no_request_is_not_to_be_sent_again(
    client: TestClient, body: bytes, headers: dict[str, str], status: int, told: str
) -> None:
    reply = client.post("/v1/traces", content=body, headers=headers)
    assert reply.status_code == status
    if headers is PROTOBUF:
        assert reply.content[:3] == b"\x08\x03\x12"
        assert told in reply.content.decode(errors="replace")
    else:
        assert reply.json()["code"] == 3
        assert told in reply.json()["message"]
        assert reply.json()["error"]["message"] == reply.json()["message"]


def test_what_may_succeed_later_is_to_be_sent_again(
    client: TestClient, request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = client.app.state.inbox  # type: ignore[attr-defined]
    inbox.limit = 10
    busy = client.post("/v1/traces", json=request_)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    inbox.limit = 2**26

    def full(*_: Any) -> None:
        raise StorageError("disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(TraceLog, "keep", full)
        failed = client.post("/v1/traces", json=request_)
    assert failed.status_code == 503
    assert "Retry-After" in failed.headers
    assert client.post("/v1/traces", json=request_).json() == {}
    assert (inbox.held, inbox.inside) == (0, 0)


def test_two_loops_of_one_trace_are_two_sessions(
    client: TestClient, context: Context, request_: dict[str, Any]
) -> None:
    found = [copy.deepcopy(span) for span in spans(request_) if span["name"] == "chat gpt-x"]
    for span, parent in zip(found, ("a" * 16, "b" * 16), strict=True):
        span["parentSpanId"] = parent
        span["attributes"] = [item for item in span["attributes"] if item["key"] != "gen_ai.conversation.id"]
    client.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": found}]}]})
    for span in found:
        (kept,) = TraceLog(context.store).of_session(f"otel-{span['traceId']}-{span['parentSpanId']}", "default")
        assert kept.id == f"otel-{span['traceId']}-{span['spanId']}"


@pytest.mark.parametrize("depth", [80, 190, 600])
def test_a_call_whose_arguments_are_nested_too_deeply_is_rejected_by_itself(
    client: TestClient, context: Context, request_: dict[str, Any], depth: int
) -> None:
    bad, _ = (span for span in spans(request_) if span["name"] == "chat gpt-x")
    parts = [{"type": "tool_call", "id": "c", "name": "f", "arguments": "@"}]
    text = json.dumps([{"role": "assistant", "parts": parts}])
    text = text.replace('"@"', '{"a": ' + "[" * depth + "]" * depth + "}")
    for item in bad["attributes"]:
        if item["key"] == "gen_ai.output.messages":
            item["value"] = {"stringValue": text}
    reply = client.post("/v1/traces", json=request_)
    assert reply.status_code == 200
    assert reply.json()["partialSuccess"]["rejectedSpans"] == 1
    assert "nested" in reply.json()["partialSuccess"]["errorMessage"]
    assert len(TraceLog(context.store).of_session("conv_1", "default")) == 1


def test_a_request_without_spans_is_taken_in_both_shapes(client: TestClient) -> None:
    for headers, body in ((JSON, b"{}"), (JSON, b'{"resourceSpans": []}'), (PROTOBUF, b"")):
        reply = client.post("/v1/traces", content=body, headers=headers)
        assert reply.status_code == 200, body
