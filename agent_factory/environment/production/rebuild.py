"""A scenario out of a trace: what was said and seen, with what the recipe's hook or a person adds.

The hook, ``[recipe] from_trace = "module:function"``, takes the anonymous trace and returns a
``Reconstruction``; it raises InputError where the trace tells too little. Invariant: the opening, the user's
lines and the faults are the trace's own; a scenario is a function of the trace, the recipe and the amendment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent_factory.contracts.fault import Fault
from agent_factory.contracts.message import Message
from agent_factory.contracts.production import Amendment, Reconstruction
from agent_factory.contracts.scenario import Reply, Scenario
from agent_factory.contracts.trace import Trace
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

TEMPLATE = "from production"
_WRITTEN = datetime(2026, 11, 21, tzinfo=UTC)
_TRANSIENT = frozenset({408, 429, *range(500, 600)})


def rebuild(trace: Trace, recipe: Recipe, amendment: Amendment | None = None) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario of an anonymous trace, and what in its world is assumed.

    InputError where the trace tells too little, RecipeError where the recipe's hook raises.
    """
    found = _reconstruct(trace, recipe, amendment)
    opening, replies = _read_said(trace)
    content: dict[str, Any] = {
        "recipe": recipe.name,
        "level": found.level,
        "kind": found.kind,
        "template": TEMPLATE,
        "split": "train",
        "seed": 0,
        "opening": opening,
        "replies": replies if found.replies is None else found.replies,
        "tools": tuple(tool.name for tool in trace.tools),
        "state": found.state,
        "faults": tuple(read_faults(trace)) if found.faults is None else found.faults,
        "rules": found.rules,
        "solution": found.solution,
    }
    fixed = {"project": trace.project, "created_at": _WRITTEN}
    scenario = Scenario(id="unnamed", **fixed, **content)
    name = f"{recipe.name}-trace-{identify(scenario)}"
    return scenario.model_copy(update={"id": name, "origin": trace.id}), found.assumed


def identify(scenario: Scenario) -> str:
    """What is the same for scenarios that differ in nothing but name and origin."""
    return digest_json(scenario.model_copy(update={"id": "unnamed", "origin": None}).content())[:16]


def read_faults(trace: Trace) -> Iterator[Fault]:
    """The tool results that no state explains (time-outs, rate limits, 5xx), by which call of their tool they hit."""
    counts: Counter[str] = Counter()
    for call, content in read_results(trace):
        counts[call] += 1
        status = content.get("status") if isinstance(content, dict) and "error" in content else None
        if isinstance(status, int) and status in _TRANSIENT:
            yield Fault(tool=call, status=status, nth=counts[call])


def read_results(trace: Trace) -> Iterator[tuple[str, Any]]:
    """Every tool call that was answered, with its answer: as JSON where it is some, else as text."""
    waiting: dict[str, str] = {}
    for message in trace.messages():
        if message.role == "assistant":
            waiting |= {call.id: call.name for call in message.tool_calls}
        elif message.role == "tool":
            name = waiting.pop(message.tool_call_id or "", message.name or "")
            yield name, _read(message.content or "")


def _reconstruct(trace: Trace, recipe: Recipe, amendment: Amendment | None) -> Reconstruction:
    given = {} if amendment is None else amendment.model_dump(exclude_none=True)
    if recipe.target_of("from_trace") is None or {"state", "rules", "solution"} <= set(given):
        try:
            return Reconstruction.model_validate(given)
        except ValueError as error:
            raise InputError(
                f"recipe {recipe.name!r} has no [recipe] from_trace, so the world, rules and solution of a scenario "
                f"are to be given with --solution: {error}"
            ) from error
    hook = recipe.load_part("from_trace")
    with recipe.blame("from_trace"):
        found = hook(trace)
        if not isinstance(found, Reconstruction):
            raise TypeError(f"from_trace returned a {type(found).__name__}, expected a Reconstruction")
    return found.model_copy(update={name: getattr(amendment, name) for name in given})


def _read_said(trace: Trace) -> tuple[tuple[Message, ...], tuple[Reply, ...]]:
    """What opens the trace, and the user's later lines: said when the agent asks, where it had asked."""
    opening = tuple(message for message in trace.steps[0].observation if message.role == "user")
    if not opening:
        raise InputError("it opens with no message of the user's")
    replies: list[Reply] = []
    for before, step in zip(trace.steps, trace.steps[1:], strict=False):
        said = [message.content or "" for message in step.observation if message.role == "user"]
        asked = "?" in (before.action.content or "")
        replies += [Reply(asks=r"\?" if asked else "", says=text) for text in said]
    return opening, tuple(replies)


def _read(content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content
