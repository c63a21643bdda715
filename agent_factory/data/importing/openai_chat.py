"""OpenAI's chat format, one conversation a line, as its fine-tuning takes it.

``{"messages": […], "tools": […]}`` is a conversation; ``{"input": {"messages": …}, "preferred_output": …,
"non_preferred_output": …}`` is a pair for preference tuning
(https://platform.openai.com/docs/guides/fine-tuning): two traces of one scenario, the better one a success.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from agent_factory.contracts.trace import Outcome, Trace
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.data.importing.conversation import read_chat, read_tools
from agent_factory.data.importing.row import Format, Origin, Row, require_object, to_instant
from agent_factory.data.importing.text import is_lines, read_document, read_lines

_TIMES = ("created_at", "created", "timestamp")


def read_rows(path: Path) -> Iterator[Row]:
    """A row a line; of a file that is one list, a row an item."""
    if is_lines(path):
        yield from read_lines(path)
        return
    found = read_document(path)
    items = cast("list[Any]", found) if isinstance(found, list) else [found]
    for number, item in enumerate(items):
        yield Row(f"item {number}", item, (number + 1) / len(items))


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The conversation of a row, or the two of a pair."""
    row = require_object(value)
    if "preferred_output" in row or "non_preferred_output" in row:
        return _read_pair(row, origin)
    tools = row.get("tools") or row.get("functions")
    return (make_conversation("chat", row, row["messages"], origin, tools=tools),)


def _read_pair(row: dict[str, Any], origin: Origin) -> tuple[Trace, ...]:
    asked = require_object(row["input"])
    sides: tuple[tuple[Literal["chosen", "rejected"], str], ...] = (
        ("chosen", "preferred_output"),
        ("rejected", "non_preferred_output"),
    )
    return make_pair(
        "chat",
        asked["messages"],
        {side: [*asked["messages"], *row[key]] for side, key in sides},
        origin,
        told=read_time(row),
        tools=asked.get("tools"),
    )


def make_conversation(
    name: str, row: dict[str, Any], messages: Any, origin: Origin, *, tools: Any = None, outcome: Outcome | None = None
) -> Trace:
    """The trace of one conversation; InputError where nobody answers in it."""
    if not isinstance(messages, list):
        raise InputError(f"messages are {type(messages).__name__}, expected a list")
    told = read_chat(cast("list[Any]", messages))
    if not told.steps:
        raise InputError("it holds no message of an assistant: there is nothing to learn from")
    return origin.make_trace(
        name,
        row,
        read_time(row),
        system=told.system,
        tools=read_tools(tools),
        steps=told.steps,
        closing=told.closing,
        outcome=outcome or origin.outcome(),
        metadata={"format": name, **_read_weights(cast("list[Any]", messages))},
    )


def make_pair(
    name: str,
    prompt: Any,
    sides: dict[Literal["chosen", "rejected"], list[Any]],
    origin: Origin,
    *,
    told: datetime | None,
    tools: Any = None,
    scores: dict[str, float] | None = None,
) -> tuple[Trace, ...]:
    """The two conversations of a preference as traces of one scenario: the chosen one succeeded."""
    scenario = f"{name}-{digest_json(prompt)[:24]}"
    made: list[Trace] = []
    for side, messages in sides.items():
        conversation = read_chat(messages)
        if not conversation.steps:
            raise InputError(f"{side}: it holds no message of an assistant")
        reward = (scores or {}).get(side, 1.0 if side == "chosen" else 0.0)
        trace = origin.make_trace(
            f"{name}-{side}",
            {"prompt": prompt, "messages": messages},
            told,
            scenario_id=scenario,
            system=conversation.system,
            tools=read_tools(tools),
            steps=conversation.steps,
            closing=conversation.closing,
            outcome=Outcome(success=side == "chosen", reward=reward, graded_by=f"{name}:preference"),
            metadata={"format": name, "side": side},
        )
        made.append(trace)
    return tuple(made)


def read_time(row: dict[str, Any]) -> datetime | None:
    """When the row says it was: seconds since 1970, or ISO 8601."""
    for key in _TIMES:
        found = row.get(key)
        if isinstance(found, datetime):
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return to_instant(found)
        if isinstance(found, str) and found:
            return datetime.fromisoformat(found)
    return None


def _read_weights(messages: list[Any]) -> dict[str, Any]:
    weights = [message["weight"] for message in messages if isinstance(message, dict) and "weight" in message]
    return {"weights": weights} if weights else {}


FORMAT = Format("openai-chat", "OpenAI chat and fine-tuning JSONL, tools and preference pairs", read_rows, read_traces)
