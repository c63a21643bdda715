"""Spans of OpenTelemetry's GenAI conventions (https://github.com/open-telemetry/semantic-conventions-genai), as OTLP.

A span of one call to a model (``gen_ai.operation.name`` chat, text_completion or generate_content) holds
the whole conversation up to its answer: ``gen_ai.input.messages``, ``gen_ai.output.messages``,
``gen_ai.system_instructions`` and ``gen_ai.tool.definitions``, each as JSON text or as a structure. So each
such span is a trace of its own, whatever else arrives with it, before or after; the calls of one loop share
a session, of which the last one repeats all. Spans of tools, agents and anything else say nothing more.
Invariant: a span has one trace id here (``otel-<trace>-<span>``), so that an exporter may send it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import Step, TokenUsage, Trace
from agent_factory.core.error import InputError
from agent_factory.data.importing.conversation import Conversation, arrange, read_arguments, read_tools
from agent_factory.data.importing.row import Format, Origin, Row, require_object, to_instant, to_name
from agent_factory.data.importing.text import is_lines, read_document, read_lines

_CALLS = frozenset({"chat", "text_completion", "generate_content"})
_DETAILS = "gen_ai.client.inference.operation.details"
_ERROR = (2, "STATUS_CODE_ERROR")
_SETTING = (
    "it holds no gen_ai.input.messages and gen_ai.output.messages: set "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY and "
    "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental where the application runs"
)


def read_rows(path: Path) -> Iterator[Row]:
    """The model calls of a file of export requests: one a line, as the collector writes them, or one alone."""
    rows = read_lines(path) if is_lines(path) else iter([Row("request", read_document(path), 1.0)])
    for row in rows:
        if isinstance(row.value, ValueError):
            yield row
            continue
        try:
            spans = list(read_calls(require_object(row.value)))
        except (InputError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            yield Row(row.place, ValueError(f"it is no export request: {error}"), row.done)
            continue
        for number, span in enumerate(spans):
            yield Row(f"{row.place}, call {number}", span, row.done)


def read_calls(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of calls to a model in an ExportTraceServiceRequest as JSON has it, attributes as plain values."""
    if "resourceSpans" not in request:
        raise InputError("it has no field 'resourceSpans'")
    for resource in request["resourceSpans"] or ():
        about = _read_attributes((resource.get("resource") or {}).get("attributes"))
        for scope in resource.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                attributes = _read_attributes(span.get("attributes"))
                if attributes.get("gen_ai.operation.name") in _CALLS:
                    for event in span.get("events") or ():
                        if event.get("name") == _DETAILS:
                            attributes = {**_read_attributes(event.get("attributes")), **attributes}
                    yield {**span, "attributes": attributes, "resource": about}


def _read_attributes(found: Any) -> dict[str, Any]:
    return {item["key"]: read_value(item.get("value") or {}) for item in found or ()}


def read_value(value: dict[str, Any]) -> Any:
    """An AnyValue as a plain one; 64-bit integers may be text."""
    for kind, found in value.items():
        if kind == "arrayValue":
            return [read_value(item) for item in found.get("values") or ()]
        if kind == "kvlistValue":
            return _read_attributes(found.get("values"))
        return int(found) if kind == "intValue" else found
    return None


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The trace of a call's span."""
    span = require_object(value)
    told: dict[str, Any] = span["attributes"]
    output = _read_json(told.get("gen_ai.output.messages"))
    given = _read_json(told.get("gen_ai.input.messages"))
    failed = (span.get("status") or {}).get("code") in _ERROR
    if given is None or (output is None and not failed):
        raise InputError(_SETTING)
    instructions = _read_parts(_read_json(told.get("gen_ai.system_instructions")) or [])[0]
    messages = [message for wire in [*given, *(output or [])[:1]] for message in read_messages(wire)]
    talk = arrange(messages)
    began = int(span["startTimeUnixNano"])
    recipe = told.get("agent_factory.recipe") or span["resource"].get("agent_factory.recipe")
    model = told.get("gen_ai.response.model") or told.get("gen_ai.request.model")
    trace = Trace.model_validate(
        {
            **origin.make_trace("otel", {}, to_instant(began / 10**9), steps=()).model_dump(),
            "id": f"otel-{span['traceId']}-{span['spanId']}".lower(),
            "source": "production",
            "recipe": recipe or origin.recipe,
            "session_id": _name_session(span, told),
            "model": to_name(str(model)) if model else None,
            "system": "\n\n".join(part for part in (instructions, talk.system) if part) or None,
            "tools": read_tools(_read_json(told.get("gen_ai.tool.definitions"))),
            "steps": _measure(span, told, talk, answered=bool(output)),
            "closing": talk.closing,
            "outcome": origin.outcome(),
            "failure": _read_failure(span, told) if failed else None,
            "metadata": _describe(span, told),
        }
    )
    return (trace,)


def _name_session(span: dict[str, Any], told: dict[str, Any]) -> str | None:
    """The conversation, or the loop (the span's parent); none where the input does not repeat what was before."""
    if told.get("gen_ai.request.previous_response.id"):
        return None
    agent = told.get("gen_ai.agent.name")
    found = told.get("gen_ai.conversation.id") or f"otel-{span['traceId']}-{span.get('parentSpanId') or span['spanId']}"
    return to_name(f"{found}-{agent}" if agent else str(found))


def read_messages(wire: Any) -> list[Message]:
    """One message in our words: results of several tools in one are a message each."""
    message = require_object(wire)
    parts = message.get("parts")
    parts = [{"type": "text", "content": message.get("content")}] if parts is None else parts
    content, calls, results = _read_parts(parts)
    if results:
        return [Message(role="tool", tool_call_id=name, content=text) for name, text in results]
    role = "system" if message["role"] == "developer" else message["role"]
    if role == "tool":
        raise InputError("a message of role 'tool' holds no tool_call_response")
    return [Message(role=role, content=content if content is not None or calls else "", tool_calls=tuple(calls))]


def _read_parts(parts: list[Any]) -> tuple[str | None, list[ToolCall], list[tuple[str, str]]]:
    """Text, calls and results of a message's parts."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    results: list[tuple[str, str]] = []
    for number, found in enumerate(parts):
        part = require_object(found)
        kind = part.get("type")
        if kind == "text":
            texts.append(str(part.get("content") or ""))
        elif kind == "tool_call":
            name = str(part.get("id") or f"call_{number}")
            calls.append(ToolCall(id=name, name=part["name"], arguments=read_arguments(part.get("arguments"))))
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
            results.append((str(part.get("id") or f"call_{number}"), text))
        elif kind != "reasoning":
            raise InputError(f"it holds a part of type {kind!r}: text, tool calls and their responses are taken")
    return "\n".join(texts) if texts else None, calls, results


def _measure(span: dict[str, Any], told: dict[str, Any], talk: Conversation, *, answered: bool) -> tuple[Step, ...]:
    """The steps, the last of which is what this span measured."""
    if not talk.steps or not answered:
        return talk.steps
    usage = None
    if "gen_ai.usage.input_tokens" in told and "gen_ai.usage.output_tokens" in told:
        usage = TokenUsage(
            prompt_tokens=told["gen_ai.usage.input_tokens"], completion_tokens=told["gen_ai.usage.output_tokens"]
        )
    seconds = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 10**9
    last = talk.steps[-1].model_copy(update={"usage": usage, "latency_seconds": max(seconds, 0.0)})
    return (*talk.steps[:-1], last)


def _read_failure(span: dict[str, Any], told: dict[str, Any]) -> str:
    message = (span.get("status") or {}).get("message")
    return str(message or told.get("error.type") or "the call failed")[:500]


def _describe(span: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    about = {
        "service": span["resource"].get("service.name"),
        "agent": told.get("gen_ai.agent.name"),
        "provider": told.get("gen_ai.provider.name") or told.get("gen_ai.system"),
        "finish_reasons": told.get("gen_ai.response.finish_reasons"),
        "previous_response": told.get("gen_ai.request.previous_response.id"),
    }
    return {"format": "otel", **{key: value for key, value in about.items() if value is not None}}


def _read_json(found: Any) -> Any:
    return json.loads(found) if isinstance(found, str) else found


FORMAT = Format("otel", "OpenTelemetry GenAI spans, OTLP/JSON", read_rows, read_traces)
