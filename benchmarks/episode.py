"""A hundred real episodes of an airline's desk: what is left after redaction of the personal data that they hold
and of what is planted in each, and whether tool calls and results keep their shape.

Native values are known by the fields of the tools' results, so that they can be looked for in all that is said.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.privacy.label import spellings
from agent_factory.privacy.redactor import Redactor

FILE = Path(__file__).parents[2] / "shared" / "data" / "tau_bench_airline_gpt4o.json"
NATIVE = ("email", "dob", "last_four", "address1", "address2", "zip")
_WHEN = datetime(2024, 5, 15, tzinfo=UTC)


@dataclass
class Found:
    """What was looked for, by kind; ``left`` and ``misshapen`` name episode and kind of what should not be."""

    native: Counter[str] = field(default_factory=Counter)
    planted: int = 0
    calls: int = 0
    left: list[tuple[int, str]] = field(default_factory=list)
    misshapen: list[tuple[int, str]] = field(default_factory=list)


def look(redactor: Redactor) -> Found:
    """Redact every episode and look for all that should be gone, and at the shape of what should stay."""
    found = Found()
    for number, (messages, values) in enumerate(read_episodes()):
        clean = redactor.redact_trace(make_trace(number, messages))
        _look_for_values(found, number, messages, values, _texts(clean))
        _look_at_shapes(found, number, messages, clean.messages())
    return found


def _look_for_values(found: Found, number: int, messages: list[Message], values: dict[str, str], text: str) -> None:
    street, flat, town, state = values["address"].split(", ")
    planted = {**values, "street": street, "flat": flat, "town": town, "zip": state[3:]}
    found.planted += len(planted)
    found.left += [(number, f"planted {key}") for key, value in planted.items() if _leaked(value, text)]
    for message in messages:
        content = message.content or ""
        for key, value in _native(json.loads(content)) if content.startswith("{") else ():
            found.native[key] += 1
            spelled = (value, *spellings(value)) if key == "dob" else (value,)
            found.left += [(number, key) for spelling in spelled if _leaked(spelling, text)]


def _look_at_shapes(found: Found, number: int, before: list[Message], after: list[Message]) -> None:
    for one, other in zip(before, after, strict=True):
        for call, told in zip(one.tool_calls, other.tool_calls, strict=True):
            found.calls += 1
            same = (told.id, told.name, _shape(told.arguments)) == (call.id, call.name, _shape(call.arguments))
            if not same or json.loads(json.dumps(told.arguments)) != told.arguments:
                found.misshapen.append((number, call.name))
        if one.role == "tool" and (one.content or "").startswith(("{", "[")):
            result = one.name or "a tool"
            if _shape(json.loads(other.content or "")) != _shape(json.loads(one.content or "")):
                found.misshapen.append((number, result))


def _message(wire: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(id=call["id"], name=call["function"]["name"], arguments=json.loads(call["function"]["arguments"]))
        for call in wire.get("tool_calls") or ()
    )
    told = {key: wire.get(key) for key in ("role", "content", "tool_call_id", "name")}
    return Message.model_validate({**told, "tool_calls": calls})


def make_trace(number: int, messages: list[Message]) -> Trace:
    """The episode as an imported trace."""
    steps: list[Step] = []
    seen: list[Message] = []
    for message in messages:
        seen.append(message)
        if message.role == "assistant":
            steps.append(Step(index=len(steps), observation=tuple(seen[:-1]), action=message))
            seen = []
    return Trace(
        id=f"e{number}", created_at=_WHEN, started_at=_WHEN, source="import", steps=tuple(steps), closing=tuple(seen)
    )


def _native(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in NATIVE and isinstance(item, str):
                yield key, item
            else:
                yield from _native(item)
    elif isinstance(value, list):
        for item in value:
            yield from _native(item)


def _planted(rng: Random) -> dict[str, str]:
    day = f"19{rng.randrange(50, 99)}-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}"
    number = rng.randrange(100, 999)
    return {
        "email": f"Planted.Person{number}@mail{number}.example",
        "dob": day,
        "dob_said": spellings(day)[rng.randrange(3)],
        "card": rng.choice(["4012 8888 8888 1881", "5105-1051-0510-5100", "378282246310005"]),
        "last_four": str(rng.randrange(1000, 2000)),
        "address": f"{number} Rosebery Gardens, Apt {number % 90 + 1}, Salem, OR 97{number}",
    }


def _plant(messages: list[Message], values: dict[str, str]) -> list[Message]:
    """The conversation with one turn more: the user tells, a tool is called with it, and the tool tells it back."""
    said = (
        f"By the way, my email is {values['email']}, I was born {values['dob_said']}, put it on {values['card']} "
        f"(not the Visa ending in {values['last_four']}) and send the receipt to {values['address']}."
    )
    arguments = {
        "email": values["email"].lower(),
        "passengers": [{"dob": values["dob"]}],
        "note": f"card {values['card']}",
        "profile": json.dumps({"address": values["address"], "payment": {"last_four": values["last_four"]}}),
    }
    call = ToolCall(id="planted", name="update_profile", arguments=arguments)
    result = json.dumps({"saved": arguments, "ok": True})
    return [
        *messages,
        Message(role="user", content=said),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id="planted", name="update_profile", content=result),
        Message(role="assistant", content=f"Done: {values['address']}, {values['email'].upper()}, {values['card']}."),
    ]


def read_episodes() -> Iterator[tuple[list[Message], dict[str, str]]]:
    """Each episode with one turn more, and the values that were planted in it."""
    rng = Random(2)
    for episode in json.loads(FILE.read_text(encoding="utf-8")):
        messages = [_message(wire) for wire in episode["traj"][1:]]
        values = _planted(rng)
        yield _plant(messages, values), values


def _texts(trace: Trace) -> str:
    told = [message.content or "" for message in trace.messages()]
    calls = [call.arguments for message in trace.messages() for call in message.tool_calls]
    return "\n".join((*told, json.dumps(calls, ensure_ascii=False)))


def _leaked(value: str, text: str) -> bool:
    # Four digits count as a card's only where nothing else explains them: a price, a flight, a year.
    pattern = rf"(?<![\w$.,-]){re.escape(value)}(?!\w|[.,:-]\d|-)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value).__name__
