"""Traces as OpenTelemetry's GenAI spans, in OTLP's JSON (https://opentelemetry.io/docs/specs/semconv/gen-ai/).

An episode is a span ``invoke_agent``; each call of its model a span ``chat`` with the whole conversation up
to the answer, each call of a tool a span ``execute_tool``; the grade is an event ``gen_ai.evaluation.result``.
Invariants: the ids of spans follow from the trace's, so that an export repeated is the same one; a time
that was not measured adds none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agent_factory.contracts.message import Message
from agent_factory.contracts.trace import Step, Trace

_SERVICE = "agent-factory"
_SCOPE = {"name": "agent_factory.export", "version": "1"}
_CLIENT, _INTERNAL, _ERROR = 3, 1, 2


def to_request(traces: Iterable[Trace]) -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    spans = [span for trace in traces for span in to_spans(trace)]
    resource = {"attributes": _attributes({"service.name": _SERVICE})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": _SCOPE, "spans": spans}]}]}


def to_spans(trace: Trace) -> Iterator[dict[str, Any]]:
    """The spans of one episode, the agent's own first."""
    root = _span_id(trace, "agent")
    began = int(trace.started_at.timestamp() * 10**6) * 1000
    ends = list(_ends(trace, began))
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": trace.recipe or trace.source,
        **_about(trace),
        "agent_factory.trace_id": trace.id,
        "agent_factory.source": trace.source,
        "agent_factory.scenario_id": trace.scenario_id,
    }
    told = {**_base(trace, f"invoke_agent {trace.recipe or trace.source}", root, began, ends[-1] if ends else began)}
    told |= {"kind": _INTERNAL, "attributes": _attributes(agent), "events": _grade(trace, ends[-1] if ends else began)}
    yield told | ({"status": {"code": _ERROR, "message": trace.failure}} if trace.failure else {})
    heard: list[Message] = []
    for step, start, end in zip(trace.steps, [began, *ends], ends, strict=False):
        heard.extend(step.observation)
        yield _chat(trace, step, heard, root, (start, end))
        heard.append(step.action)
        yield from _tools(trace, step, root, end)


def _chat(trace: Trace, step: Step, heard: Sequence[Message], root: str, times: tuple[int, int]) -> dict[str, Any]:
    model = trace.model or "unknown"
    told: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _SERVICE,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        **_about(trace),
        "gen_ai.input.messages": _dump([_to_wire(message) for message in heard]),
        "gen_ai.output.messages": _dump([{**_to_wire(step.action), "finish_reason": _finish(step)}]),
        "gen_ai.response.finish_reasons": [_finish(step)],
    }
    if trace.system:
        told["gen_ai.system_instructions"] = _dump([{"type": "text", "content": trace.system}])
    if trace.tools:
        functions = [{"type": "function", **tool.model_dump(mode="json")} for tool in trace.tools]
        told["gen_ai.tool.definitions"] = _dump(functions)
    if step.usage is not None:
        told["gen_ai.usage.input_tokens"] = step.usage.prompt_tokens
        told["gen_ai.usage.output_tokens"] = step.usage.completion_tokens
    span = _base(trace, f"chat {model}", _span_id(trace, f"chat {step.index}"), *times)
    return {**span, "parentSpanId": root, "kind": _CLIENT, "attributes": _attributes(told)}


def _tools(trace: Trace, step: Step, root: str, at: int) -> Iterator[dict[str, Any]]:
    """The calls of a step, with what answered them."""
    after = trace.steps[step.index + 1].observation if step.index + 1 < len(trace.steps) else trace.closing
    answers = {message.tool_call_id: message.content for message in after if message.role == "tool"}
    for number, call in enumerate(step.action.tool_calls):
        told = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.call.arguments": _dump(call.arguments),
            "gen_ai.tool.call.result": answers.get(call.id),
        }
        span = _base(trace, f"execute_tool {call.name}", _span_id(trace, f"tool {step.index} {number}"), at, at)
        failed = {"status": {"code": _ERROR, "message": step.error}} if step.error else {}
        yield {**span, "parentSpanId": root, "kind": _INTERNAL, "attributes": _attributes(told), **failed}


def _to_wire(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        part = {"type": "tool_call_response", "id": message.tool_call_id, "response": message.content or ""}
        return {"role": "tool", "parts": [part]}
    parts: list[dict[str, Any]] = []
    if message.content is not None:
        parts.append({"type": "text", "content": message.content})
    for call in message.tool_calls:
        parts.append({"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments})
    return {"role": message.role, "parts": parts}


def _about(trace: Trace) -> dict[str, Any]:
    return {"gen_ai.conversation.id": trace.session_id, "agent_factory.recipe": trace.recipe}


def _grade(trace: Trace, at: int) -> list[dict[str, Any]]:
    if trace.outcome is None:
        return []
    told = {
        "gen_ai.evaluation.name": trace.outcome.graded_by,
        "gen_ai.evaluation.score.value": trace.outcome.reward,
        "gen_ai.evaluation.score.label": "pass" if trace.outcome.success else "fail",
        "gen_ai.evaluation.explanation": "; ".join((*trace.outcome.reasons, *trace.outcome.policy_violations)) or None,
    }
    return [{"name": "gen_ai.evaluation.result", "timeUnixNano": str(at), "attributes": _attributes(told)}]


def _ends(trace: Trace, began: int) -> Iterator[int]:
    """When each step ended, as far as it was measured."""
    for step in trace.steps:
        began += int((step.latency_seconds or 0.0) * 10**9)
        yield began


def _base(trace: Trace, name: str, span_id: str, start: int, end: int) -> dict[str, Any]:
    return {
        "traceId": hashlib.sha256(f"{trace.project}/{trace.id}".encode()).hexdigest()[:32],
        "spanId": span_id,
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
    }


def _span_id(trace: Trace, name: str) -> str:
    return hashlib.sha256(f"{trace.project}/{trace.id}/{name}".encode()).hexdigest()[:16]


def _finish(step: Step) -> str:
    return "tool_call" if step.action.tool_calls else "stop"


def _attributes(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in told.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64-bit integers are text in protobuf's JSON
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
