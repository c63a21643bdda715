"""A trace that tries to instruct the model or its judge, or hides text from people: flagged.

Looked at are what the user said (each message, and all together), what tools answered, how imported tools and
their parameters describe themselves, and what the agent said (to a judge: a policy may learn to talk to its
grader). The system prompt is the owner's; a system message in between may instruct the model, but not away from
what it was told before.
Invariant: a reason quotes at most a few words, of redacted text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from agent_factory.contracts.trace import Trace
from agent_factory.data.cleaning.finding import Finding
from agent_factory.data.cleaning.hidden import fold, respell, unveil
from agent_factory.data.cleaning.injection import match_rule

RULE = "poison"
_QUOTED = 60
_PLACES = {"user": "the user", "assistant": "the agent's answer", "system": "a system message"}
_OF_AGENT = ("speaks to the judge", "imitates a system message")
_OF_SYSTEM = ("overrides instructions", "speaks to the judge", "asks for the instructions")


def find_poison(trace: Trace) -> Finding | None:
    """The first attempt in a redacted trace, or None."""
    for place, text in _texts(trace):
        found = _look(text)
        if found is None:
            continue
        name, quoted = found
        wanted = {"the agent's answer": _OF_AGENT, "a system message": _OF_SYSTEM}.get(place, (name,))
        if name in wanted or name.startswith("hidden"):
            return Finding("flagged", RULE, f"{place} {_tell(name)}: {quoted!r}")
    return None


def _texts(trace: Trace) -> Iterator[tuple[str, str]]:
    said: list[str] = []
    for message in trace.messages():
        if message.content:
            if message.role == "user":
                said.append(message.content)
            yield _PLACES.get(message.role) or f"the result of {message.name or 'a tool'}", message.content
    if len(said) > 1:
        yield "the user", " ".join(said)
    for tool in trace.tools:
        yield f"the description of tool {tool.name}", tool.description
        yield f"the parameters of tool {tool.name}", "\n".join(_walk(tool.parameters))


@lru_cache(maxsize=4096)
def _look(text: str) -> tuple[str, str] | None:
    """What is wrong with a text, and a few of its words."""
    shown = _values(text) if text[:1] in "{[" else text
    for how, piece in unveil(shown):
        rule = match_rule(fold(piece)) if piece else None
        return f"hidden in {how}" + (f" {rule[0]}" if rule else ""), _quote(rule[1] if rule else piece or "")
    plain = fold(shown)
    found = match_rule(plain) or ((spelt := respell(plain)) != plain and match_rule(spelt)) or None
    return found and (found[0], _quote(found[1]))


def _tell(name: str) -> str:
    return f"holds what is {name}" if name.startswith("hidden") else name


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else f"{flat[:_QUOTED]}…"


def _values(text: str) -> str:
    """The strings of a JSON text, a line each; the text itself where it is no JSON."""
    try:
        return "\n".join(_walk(json.loads(text)))
    except (ValueError, RecursionError):
        return text


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield key
            yield from _walk(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _walk(item)
