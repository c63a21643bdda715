"""The kind ``tau2``: a scenario names a domain and a task, and the agent calls the domain's tools.

Invariant: an episode has a toolkit and a database of its own; graded is the database against the task's own
actions, and the answer against what it must communicate. Tasks are an evaluation set, as BFCL's cases are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario, Solution, SuccessRules
from agent_factory.core import clock
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError, ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.grade import find_changes
from agent_factory.environment.snapshot import to_object
from agent_factory.environment.tau2.checkout import Checkout


class Tau2Section(Section):
    """``[environment.settings.tau2]``: the folder of the checkout."""

    checkout: Path


class Desk:
    """A domain's toolkit in one episode."""

    def __init__(self, checkout: Checkout, domain: str) -> None:
        self._kit = checkout.make_toolkit(domain)
        wires = [tool.openai_schema["function"] for tool in self._kit.get_tools().values()]
        self.tools = tuple(
            Tool(name=w["name"], description=w["description"], parameters=w["parameters"]) for w in wires
        )
        self._schemas = {tool.name: tool.parameters for tool in self.tools}
        self._arguments = ArgumentCheck()

    def call(self, call: ToolCall) -> ToolResult:
        """Call a tool by its name; what it raises is a result, as in τ²-bench."""
        if call.name not in self._schemas:
            return fail(call, 404, f"there is no tool {call.name}; there are: {', '.join(self._schemas)}")
        wrong = self._arguments.find_wrong(call.name, self._schemas[call.name], call.arguments)
        if wrong is not None:
            return fail(call, 422, wrong)
        try:
            result = self._kit.use_tool(call.name, **call.arguments)
        except Exception as error:  # a tool refuses by raising
            return fail(call, 400, str(error))
        content = result if isinstance(result, str) else json.dumps(result, default=_dump, ensure_ascii=False)
        return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content=content), None)

    def state(self) -> Json:
        """The database."""
        return to_object(self._kit.db.model_dump(mode="json"))


class Tau2World:
    """A checkout, for many episodes."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout

    def make(self) -> Tau2Environment:
        """An environment for one episode."""
        return Tau2Environment(self.checkout)

    def to_scenario(self, domain: str, task_id: str, recipe: str) -> Scenario:
        """A task as a scenario; InputError where it asks for what is not had here."""
        task, desk = _find_task(self.checkout, domain, task_id), Desk(self.checkout, domain)
        criteria: dict[str, Any] = task["evaluation_criteria"]
        actions = enumerate(criteria.get("actions") or ())
        calls = tuple(ToolCall(id=f"a{i}", name=a["name"], arguments=a["arguments"]) for i, a in actions)
        before = desk.state()
        for call in calls:
            desk.call(call)
        informed = tuple((str(told),) for told in criteria.get("communicate_info") or ())
        return Scenario(
            id=f"tau2-{domain}-{task_id}",
            created_at=clock.now(),
            recipe=recipe,
            level="L3",
            kind=domain,
            template=f"{domain}-{task_id}",
            split="eval",
            seed=0,
            opening=(Message(role="user", content=_tell(task["user_scenario"]["instructions"])),),
            tools=tuple(tool.name for tool in desk.tools),
            state={"domain": domain, "task": task_id},
            rules=SuccessRules(state=find_changes(before, desk.state()), says=informed),
            solution=Solution(calls=calls, answer=f"It is done. {' '.join(told for (told,) in informed)}".strip()),
        )


class Tau2Environment:
    """The desk of one episode."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._desk: Desk | None = None

    @property
    def tools(self) -> tuple[Tool, ...]:
        """See ``Environment``."""
        return () if self._desk is None else self._desk.tools

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``; nothing is left to chance."""
        if scenario.faults:
            raise InputError(
                f"scenario {scenario.id!r} has faults, which the kind 'tau2' cannot put in: leave them out"
            )
        if scenario.split != "eval":
            raise InputError(
                f"scenario {scenario.id!r} is of the split {scenario.split!r}: tasks are for evaluation only"
            )
        domain, task = str(scenario.state.get("domain")), str(scenario.state.get("task"))
        _find_task(self._checkout, domain, task)
        self._desk = Desk(self._checkout, domain)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        return self._running().call(call)

    async def state(self) -> Json:
        """See ``Environment``: the database."""
        return self._running().state()

    async def close(self) -> None:
        """See ``Environment``."""
        self._desk = None

    def _running(self) -> Desk:
        if self._desk is None:
            raise ToolError("a tau2 environment was used before reset or after close")
        return self._desk


@asynccontextmanager
async def open_tau2_world(recipe: Recipe, settings: Json) -> AsyncGenerator[Tau2World]:
    """The checkout for the block; see ``OpenWorld``."""
    try:
        section = Tau2Section.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"recipe {recipe.name!r}: [environment.settings.tau2] in build.toml: {error}") from error
    yield Tau2World(Checkout(section.checkout.resolve()))


def _find_task(checkout: Checkout, domain: str, task_id: str) -> dict[str, Any]:
    tasks = checkout.tasks(domain)
    if task_id not in tasks:
        raise InputError(f"domain {domain!r} has no task {task_id!r}; it has: {', '.join(list(tasks)[:10])}")
    task, criteria = tasks[task_id], tasks[task_id].get("evaluation_criteria") or {}
    other = set(criteria.get("reward_basis") or ()) - {"DB", "COMMUNICATE"}
    if task.get("initial_state") or other or any(a.get("requestor") == "user" for a in criteria.get("actions") or ()):
        raise InputError(
            f"task {task_id!r} of {domain!r} cannot be played here: it has an initial state, actions of the user "
            f"or the reward basis {sorted(other)}; expected neither, and of DB and COMMUNICATE only"
        )
    return task


def _tell(instructions: Any) -> str:
    if isinstance(instructions, str):
        return instructions
    parts = (instructions.get(key) for key in ("reason_for_call", "known_info", "task_instructions"))
    return "\n".join(str(part) for part in parts if part)


def _dump(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)
