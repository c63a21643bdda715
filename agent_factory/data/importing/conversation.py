"""Conversations of other systems in our words: messages, tools, and the steps of an agent.

The shape that most files have is OpenAI's chat format
(https://platform.openai.com/docs/api-reference/chat). Invariant: what a Message cannot hold (an image, a
file) is refused, never left out in silence; only a model's reasoning, which no Message has, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from agent_factory.contracts.message import Message, Role, Tool, ToolCall
from agent_factory.contracts.trace import Step
from agent_factory.core.error import InputError

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "developer": "system",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
_TEXT = frozenset({"text", "input_text", "output_text", "refusal", "summary_text"})
_NO_PARAMETERS = '{"type": "object", "properties": {}}'
_DROPPED = frozenset({"reasoning", "thinking"})


class Conversation(NamedTuple):
    """The system prompt apart, the agent's steps, and what was said after the last."""

    system: str | None
    steps: tuple[Step, ...]
    closing: tuple[Message, ...]


def read_chat(wire: Iterable[Any]) -> Conversation:
    """A conversation in OpenAI's chat format, older and kindred spellings included."""
    told: list[Message] = []
    for number, message in enumerate(wire):
        if not isinstance(message, dict):
            raise InputError(f"messages.{number}: expected an object, got {type(message).__name__}")
        try:
            told.append(read_message(cast(dict[str, Any], message), told))
        except (InputError, KeyError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"messages.{number}: {reason}") from error
    return arrange(told)


def arrange(messages: Sequence[Message]) -> Conversation:
    """The steps of a conversation: system messages that open it are its system prompt."""
    start = 0
    while start < len(messages) and messages[start].role == "system":
        start += 1
    system = "\n\n".join(message.content or "" for message in messages[:start])
    steps: list[Step] = []
    seen: list[Message] = []
    for message in messages[start:]:
        if message.role != "assistant":
            seen.append(message)
            continue
        steps.append(Step(index=len(steps), observation=tuple(seen), action=message))
        seen = []
    return Conversation(system or None, tuple(steps), tuple(seen))


def read_message(wire: dict[str, Any], before: Sequence[Message] = ()) -> Message:
    """One message; ``before`` are those before it, by which a result without an id finds its call."""
    role = cast("Role", _ROLES.get(str(wire["role"]), wire["role"]))  # Message checks it
    calls = [read_call(call, number) for number, call in enumerate(wire.get("tool_calls") or ())]
    if wire.get("function_call"):
        calls.append(read_call({"function": wire["function_call"]}, len(before)))
    content = read_content(wire.get("content"))
    if content is None and wire.get("refusal"):
        content = str(wire["refusal"])
    if content is None and not calls:
        content = ""
    answered = wire.get("tool_call_id")
    if role == "tool" and not answered:
        answered = find_call(before, wire.get("name"))
    return Message(
        role=role,
        content=content,
        tool_calls=tuple(calls),
        tool_call_id=answered if role == "tool" else None,
        name=wire.get("name"),
    )


def find_call(before: Sequence[Message], name: str | None) -> str:
    """The id of the first call that nothing has answered yet (of that name, where it is told)."""
    answered = {message.tool_call_id for message in before}
    for message in before:
        for call in message.tool_calls:
            if call.id not in answered and name in (None, call.name):
                return call.id
    raise InputError("a tool's result answers no call: it names none, and none before it is open")


def read_call(wire: Any, number: int) -> ToolCall:
    """A tool call with its arguments parsed, whether its function is an object, a name, or the call itself."""
    if not isinstance(wire, dict):
        raise InputError(f"tool_calls.{number}: expected an object, got {type(wire).__name__}")
    call = cast(dict[str, Any], wire)
    inner = call.get("function")
    function = cast(dict[str, Any], inner) if isinstance(inner, dict) else call
    name = inner if isinstance(inner, str) else function["name"]
    found = call.get("id") or f"call_{number}"
    return ToolCall(id=str(found), name=str(name), arguments=read_arguments(function.get("arguments")))


def read_arguments(found: Any) -> dict[str, Any]:
    """A call's arguments as an object; what a table filled in as None for other rows' keys is left out."""
    if found is None or found == "":
        return {}
    value = json.loads(found) if isinstance(found, str) else found
    if not isinstance(value, dict):
        raise InputError(f"a call's arguments are {type(value).__name__}, expected an object")
    return cast(dict[str, Any], value)


def read_content(found: Any) -> str | None:
    """Text, or the text of a list of parts; InputError where a part is no text."""
    if found is None or isinstance(found, str):
        return found
    if not isinstance(found, list):
        return json.dumps(found, ensure_ascii=False)
    told: list[str] = []
    for part in cast(list[Any], found):
        if isinstance(part, str):
            told.append(part)
            continue
        kind = part.get("type") if isinstance(part, dict) else type(part).__name__
        if kind in _DROPPED:
            continue
        if kind not in _TEXT:
            raise InputError(f"it holds a part of type {kind!r}: only text is taken")
        told.append(str(part.get("text") or part.get("refusal") or ""))
    return "\n".join(told)


def read_tools(found: Any) -> tuple[Tool, ...]:
    """The tools that were on offer, as a list or as its JSON text."""
    wire = json.loads(found) if isinstance(found, str) and found.strip() else found
    if not wire:
        return ()
    if not isinstance(wire, list):
        raise InputError(f"tools are {type(wire).__name__}, expected a list")
    return tuple(_read_tool(tool) for tool in cast(list[Any], wire))


def _read_tool(wire: Any) -> Tool:
    if not isinstance(wire, dict):
        raise InputError(f"a tool is {type(wire).__name__}, expected an object")
    tool = cast(dict[str, Any], wire)
    function = cast(dict[str, Any], tool["function"] if isinstance(tool.get("function"), dict) else tool)
    if "name" not in function:
        raise InputError(f"a tool of type {tool.get('type')!r} has no name: only functions are taken")
    parameters: Any = function.get("parameters") or function.get("input_schema") or _NO_PARAMETERS
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=json.loads(parameters) if isinstance(parameters, str) else parameters,
    )
