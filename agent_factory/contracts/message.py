"""Messages and tools in OpenAI's chat format, with tool arguments as parsed JSON.

On the wire (``to_wire``) the arguments are a JSON string, as in
https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import model_validator

from agent_factory.contracts.record import Json, Part

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Part):
    """One call that the model asks for."""

    id: str
    name: str
    arguments: Json

    def to_wire(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": json.dumps(self.arguments, ensure_ascii=False)}
        return {"id": self.id, "type": "function", "function": function}


class Message(Part):
    """One chat message; only assistants call tools, and a tool's message names the call it answers."""

    role: Role
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError(f"a message of role {self.role!r} has tool_calls: only 'assistant' may")
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a message of role 'tool' needs the tool_call_id that it answers")
        if self.content is None and not self.tool_calls:
            raise ValueError(f"a message of role {self.role!r} has neither content nor tool_calls")
        return self

    def to_wire(self) -> dict[str, Any]:
        """The message as OpenAI's chat format has it."""
        wire: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            wire["tool_calls"] = [call.to_wire() for call in self.tool_calls]
        if self.tool_call_id:
            wire["tool_call_id"] = self.tool_call_id
        if self.name:
            wire["name"] = self.name
        return wire


class Tool(Part):
    """A function that the model may call: name, purpose and the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Json

    def to_wire(self) -> dict[str, Any]:
        return {"type": "function", "function": self.model_dump(mode="json")}
