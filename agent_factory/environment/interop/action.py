"""What an outsider does, in OpenAI's wire format: an assistant message, or one tool call as OpenEnv writes it.

Invariant: what is none of these is refused here, before an environment hears of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.record import Json, Part
from agent_factory.core.document import require_json
from agent_factory.core.error import InputError


class Function(Part):
    """A called function; ``arguments`` is JSON text, or what it says."""

    name: str = Field(min_length=1)
    arguments: Annotated[Json | str, Field(union_mode="left_to_right")] = Field(default_factory=dict)


class Call(Part):
    """A tool call of a message."""

    id: str = Field(min_length=1)
    type: Literal["function"] = "function"
    function: Function


class Say(Part):
    """An assistant message: words end the agent's turn, tool calls are made in their order."""

    role: Literal["assistant"]
    content: str | None = None
    tool_calls: tuple[Call, ...] = Field(default=(), max_length=64)
    metadata: Json = Field(default_factory=dict)

    def to_message(self) -> Message:
        """The message; ValueError where it says nothing or arguments are no JSON object."""
        calls = tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=_read_arguments(call.function.arguments))
            for call in self.tool_calls
        )
        return Message(role="assistant", content=self.content, tool_calls=calls)


class CallTool(Part):
    """One tool call, as OpenEnv's ``CallToolAction``."""

    type: Literal["call_tool"]
    tool_name: str = Field(min_length=1)
    arguments: Json = Field(default_factory=dict)
    metadata: Json = Field(default_factory=dict)

    def to_message(self) -> Message:
        """The message with this one call; ValueError where the arguments are no JSON."""
        _require(self.arguments)
        return Message(
            role="assistant", tool_calls=(ToolCall(id="call", name=self.tool_name, arguments=self.arguments),)
        )


class ListTools(Part):
    """Asks what may be called, as OpenEnv's ``ListToolsAction``; it takes no step."""

    type: Literal["list_tools"]
    metadata: Json = Field(default_factory=dict)


Action = Say | CallTool | ListTools
ACTIONS: TypeAdapter[Action] = TypeAdapter(Action)
_ARGUMENTS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def read_action(text: str) -> Message | None:
    """The assistant message in JSON text, None where it is something else."""
    try:
        return Say.model_validate_json(text).to_message()
    except ValueError:
        return None


def _read_arguments(given: Json | str) -> Json:
    found = _ARGUMENTS.validate_json(given) if isinstance(given, str) else given
    _require(found)
    return found


def _require(arguments: Json) -> None:
    try:
        require_json("arguments", arguments)
    except InputError as error:
        raise ValueError(str(error)) from error


def describe_errors(error: ValueError) -> str:
    """What is wrong, without the input repeated."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found[:5])
