"""A recipe's scenarios for TRL: what ``GRPOTrainer(environment_factory=…)`` trains through.

TRL takes an environment's public methods for tools, calls ``reset`` with a row of the dataset, and hands the
environments to the reward functions. Invariant: the reward is that of ``Task.grade``, given the agent's last words.
TRL ends an episode at the first message without tool calls: no user replies.
Source: ``trl.trainer.grpo_trainer`` of trl 1.16.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, cast

from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.interop.seat import Seat
from agent_factory.environment.interop.stage import Stage

_TYPES: dict[object, type] = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list}
_LIVES = 2**28


class ScenarioTask:
    """One rollout's environment; a factory's classes add the scenarios' tools as methods."""

    _stage: Stage

    def __init__(self) -> None:
        self._seat: Seat = self._stage.sit()
        self._resets = 0

    def reset(self, *, scenario: str, **row: Any) -> None:
        """Begin the row's ``scenario``; its opening stands in the row's ``prompt``."""
        self._stage.run(self._seat.reset(self._resets, scenario))
        self._resets = (self._resets + 1) % _LIVES

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        given = {key: value for key, value in arguments.items() if value is not None}
        call = ToolCall(id=f"call_{self._seat.steps}", name=name, arguments=given)
        sight = self._stage.run(self._seat.act(Message(role="assistant", tool_calls=(call,))))
        return sight.messages[0].content or ""

    def _grade(self, answer: str | None) -> float:
        return self._stage.run(self._seat.grade(answer)).reward


@contextmanager
def open_environment_factory(
    recipe: Recipe, scenarios: Sequence[Scenario], kind: str | None = None
) -> Generator[type[ScenarioTask]]:
    """A class for ``environment_factory`` while the block runs; InputError where the scenarios differ in tools."""
    if len({frozenset(scenario.tools) for scenario in scenarios}) != 1:
        raise InputError("TRL shows all episodes the same tools: give scenarios that have the same")
    stage = Stage(recipe, scenarios, kind)
    try:
        seat = stage.sit()
        stage.run(seat.reset(0))
        methods = {tool.name: _to_method(tool) for tool in seat.tools}
        stage.run(seat.close())
        yield type("RecipeTask", (ScenarioTask,), {"_stage": stage, **methods})
    finally:
        stage.close()


def to_rows(recipe: Recipe, scenarios: Iterable[Scenario]) -> list[dict[str, Any]]:
    """Rows of a dataset for the trainer: ``prompt`` as messages, ``scenario`` as id."""
    system = {"role": "system", "content": recipe.policy}
    return [
        {"prompt": [system, *({"role": m.role, "content": m.content} for m in s.opening)], "scenario": s.id}
        for s in scenarios
    ]


def grade_answers(
    completions: Sequence[Sequence[dict[str, Any]]], environments: Sequence[ScenarioTask], **columns: Any
) -> list[float]:
    """TRL's reward function: each episode's grade, given the words that it ended with."""
    pairs = zip(completions, environments, strict=True)
    return [environment._grade(_find_answer(said)) for said, environment in pairs]  # pyright: ignore[reportPrivateUsage]


def _find_answer(completion: Sequence[dict[str, Any]]) -> str | None:
    """The last words; None where the episode ended in a tool call or its result."""
    last = completion[-1] if completion else {}
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return None
    return str(last.get("content") or "")


def _to_method(tool: Tool) -> Callable[..., str]:
    """A method whose signature and docstring are the tool's, as transformers reads schemas from functions."""
    schema = cast(dict[str, Any], tool.parameters)
    properties: dict[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))

    def method(self: ScenarioTask, **arguments: Any) -> str:
        return self._call(tool.name, arguments)  # pyright: ignore[reportPrivateUsage]

    names = sorted(properties, key=lambda name: name not in required)
    types = {name: _to_type(properties[name], name in required) for name in names}
    empty = inspect.Parameter.empty
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=empty if name in required else None,
            annotation=types[name],
        )
        for name in names
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = method.__qualname__ = tool.name
    method.__signature__ = inspect.Signature([own, *parameters], return_annotation=str)  # pyright: ignore
    method.__annotations__ = {**types, "return": str}
    told = "".join(f"\n    {name}: {_describe(properties[name], name)}" for name in names)
    method.__doc__ = f"{' '.join(tool.description.split()) or tool.name}\n\nArgs:{told}" if names else tool.description
    return method


def _to_type(schema: dict[str, Any], required: bool) -> Any:
    kind = schema.get("type")
    found = _TYPES.get(kind, dict) if isinstance(kind, str) else str
    return found if required else found | None


def _describe(schema: dict[str, Any], name: str) -> str:
    told = " ".join(str(schema.get("description") or name).split())
    choices = schema.get("enum")
    return told if not choices else f"{told}; one of: {', '.join(map(str, choices))}"
