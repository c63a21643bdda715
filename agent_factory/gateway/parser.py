"""What a model wrote, read as a message: Hermes tool calls (``<tool_call>{"name": …, "arguments": …}</tool_call>``).

Invariant: text that announces a call and holds none, or holds part of one, stays as it was and is marked
"malformed", never "stop"; nothing is guessed or mended.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.core.document import require_json
from agent_factory.core.error import InputError

FinishReason = Literal["stop", "length", "tool_calls", "malformed"]

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
# A mark, whole or half, or the key that a call's JSON always has: what is left of a call that was begun or ended badly.
_PART = re.compile(r'</?tool_call\b|\btool_call>|\barguments"\s*:')


def parse_completion(text: str, *, ended: bool, turn: int) -> tuple[Message, FinishReason]:
    """The assistant's message and why it ended.

    ``ended`` is False where the length limit cut the text off; ``turn`` makes the ids of calls
    unique within the conversation.
    """
    if not ended:
        return Message(role="assistant", content=text), "length"
    if not holds_part_of_call(text):
        return Message(role="assistant", content=text), "stop"
    bodies = _CALL.findall(text)
    calls = [read_call(body, f"call_{turn}_{number}") for number, body in enumerate(bodies)]
    rest = _CALL.sub("", text)
    found = [call for call in calls if call is not None]
    if not found or len(found) != len(calls) or holds_part_of_call(rest):
        return Message(role="assistant", content=text), "malformed"
    return Message(role="assistant", content=rest.strip() or None, tool_calls=tuple(found)), "tool_calls"


def holds_part_of_call(text: str) -> bool:
    """Whether words meant for a person hold what only a tool call has: they are no answer."""
    return _PART.search(text) is not None


def read_call(body: str, call_id: str) -> ToolCall | None:
    """The call in ``body``, or None if it is not an object with a name and an object of arguments."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"name", "arguments"}:
        return None
    return make_call(call_id, found["name"], found["arguments"])


def make_call(call_id: str, name: object, arguments: Any) -> ToolCall | None:
    """A call that can be kept and sent as JSON (finite numbers, Unicode, bounded depth), or None."""
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    try:
        require_json("arguments", arguments)
        json.dumps([name, arguments], ensure_ascii=False).encode()
        return ToolCall(id=call_id, name=name, arguments=arguments)
    except (InputError, ValueError):  # also of text that is not Unicode, and of the call's own fields
        return None
