"""Calls of OpenAI's Responses API, one a line: what was asked and what came back.

A line is ``{"request": {…}, "response": {…}}``, or a response object that holds its ``input`` beside its
``output`` (https://platform.openai.com/docs/api-reference/responses/object); a response alone does not
tell what was asked and cannot be read. Items become messages: what the model emits before it waits for
results is one action.
"""

from __future__ import annotations

import json
from typing import Any, cast

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import TokenUsage, Trace
from agent_factory.core.error import InputError
from agent_factory.data.importing.conversation import arrange, read_arguments, read_content, read_message, read_tools
from agent_factory.data.importing.openai_chat import read_rows
from agent_factory.data.importing.row import Format, Origin, require_object, to_instant, to_name


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The conversation of one call, its answer included."""
    row = require_object(value)
    asked, answer = _read_sides(row)
    for field in ("input", "output"):
        if field not in (asked if field == "input" else answer):
            raise InputError(f"it holds no {field}: a line needs the request's input and the response's output")
    given: Any = asked["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    told = arrange(read_items([*items, *answer["output"]]))
    if not told.steps:
        raise InputError("it holds no output of the model: there is nothing to learn from")
    created = answer.get("created_at")
    instructions = read_content(asked.get("instructions") or answer.get("instructions"))
    tools = [tool for tool in asked.get("tools") or answer.get("tools") or () if tool.get("type") == "function"]
    parts = [part for part in (instructions, told.system) if part]
    usage = _read_usage(answer.get("usage"))
    last = told.steps[-1].model_copy(update={"usage": usage}) if usage else told.steps[-1]
    model = answer.get("model") or asked.get("model")
    trace = origin.make_trace(
        "responses",
        row,
        to_instant(created) if created else None,
        model=to_name(str(model)) if model else None,
        system="\n\n".join(parts) or None,
        tools=read_tools(tools),
        steps=(*told.steps[:-1], last),
        closing=told.closing,
        outcome=origin.outcome(),
        failure=_read_failure(answer),
        metadata=_describe(asked, answer),
    )
    return (trace,)


def _read_sides(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request and the response of a line; a batch's response has them in ``body``."""
    asked = row.get("request") or row
    answer = row.get("response") or row
    sides = [require_object(side.get("body", side)) for side in (require_object(asked), require_object(answer))]
    return sides[0], sides[1]


def read_items(items: list[Any]) -> list[Message]:
    """Messages of items in order. InputError for an item that a Message cannot hold."""
    told: list[Message] = []
    for number, found in enumerate(items):
        item = require_object(found)
        try:
            _add_item(item, told)
        except (InputError, KeyError, json.JSONDecodeError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"item {number}: {reason}") from error
    return told


def _add_item(item: dict[str, Any], told: list[Message]) -> None:
    kind = item.get("type") or "message"
    if kind == "message":
        told.append(read_message(item, told))
    elif kind == "function_call":
        _add_call(told, item["call_id"], item["name"], read_arguments(item.get("arguments")))
    elif kind == "custom_tool_call":
        _add_call(told, item["call_id"], item["name"], {"input": item["input"]})
    elif kind == "mcp_call":
        _add_call(told, item["id"], item["name"], read_arguments(item.get("arguments")))
        _add_result(told, item["id"], item.get("error") or item.get("output"))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        _add_result(told, item["call_id"], item["output"])
    elif kind not in ("reasoning", "mcp_list_tools"):
        raise InputError(f"its type is {kind!r}: messages, function, custom and MCP calls are taken")


def _add_call(told: list[Message], name: str, tool: str, arguments: dict[str, Any]) -> None:
    call = ToolCall(id=name, name=tool, arguments=arguments)
    if told and told[-1].role == "assistant":  # what was emitted before anything came back is one action
        told[-1] = told[-1].model_copy(update={"tool_calls": (*told[-1].tool_calls, call)})
    else:
        told.append(Message(role="assistant", tool_calls=(call,)))


def _add_result(told: list[Message], name: str, output: Any) -> None:
    tools = {call.id: call.name for message in told for call in message.tool_calls}
    if name not in tools:
        raise InputError(f"a result answers the call {name!r}, which is not before it")
    told.append(Message(role="tool", tool_call_id=name, name=tools[name], content=read_content(output) or ""))


def _read_usage(found: Any) -> TokenUsage | None:
    if not isinstance(found, dict):
        return None
    usage = cast(dict[str, Any], found)
    return TokenUsage(prompt_tokens=usage["input_tokens"], completion_tokens=usage["output_tokens"])


def _read_failure(answer: dict[str, Any]) -> str | None:
    error = answer.get("error")
    if error:
        return str(error.get("message") if isinstance(error, dict) else error)
    if answer.get("status") == "incomplete":
        return f"incomplete: {(answer.get('incomplete_details') or {}).get('reason')}"
    return None


def _describe(asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"format": "openai-responses", "response": answer.get("id")}
    before = asked.get("previous_response_id") or answer.get("previous_response_id")
    if before:
        told["previous_response"] = before  # what was said before it is in that one's trace
    return told


FORMAT = Format(
    "openai-responses",
    "OpenAI Responses JSONL: request and response, or a response with its input",
    read_rows,
    read_traces,
)
