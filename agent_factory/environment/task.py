"""A scenario in play: its environment, its user, and the grade at the end.

Whoever acts (a model in an episode, a trainer, a remote client) acts through this. Invariant: the
outcome compares how the environment stood after ``begin`` with how it stands at the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Outcome
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.environment.border import check_result, check_state, enter
from agent_factory.environment.grade import CallRecord, grade
from agent_factory.environment.user import User, make_scripted
from agent_factory.environment.world import Environment, Listener

T = TypeVar("T")
RESET_SECONDS = 60.0
"""How long an environment may take to begin, to tell how it stands, or to end."""
LATE = 5.0
"""Seconds beyond its deadline that a step has to tell that it missed it."""


class Task:
    """One scenario in one environment; a toolbox for a ``Conversation``."""

    def __init__(self, environment: Environment, scenario: Scenario, user: User | None = None) -> None:
        self.environment, self.scenario = environment, scenario
        told = user or make_scripted(scenario, 0)
        self.user: User = _Overheard(environment, told) if isinstance(environment, Listener) else told
        self.calls: list[CallRecord] = []
        self._before: Json = {}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What may be called, known after ``begin``."""
        return self.environment.tools

    async def begin(self, seed: int) -> None:
        """Set the environment up; see ``Environment.reset``, and ToolError where it takes too long."""
        self.calls.clear()
        await self._wait("reset", lambda: self.environment.reset(self.scenario, seed))
        self._before = await self.state()

    async def call(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """Call a tool of the environment; ToolError where it breaks, or answers long after the deadline."""
        step = f"step {call.name}"
        made = await self._wait(step, lambda: self.environment.step(call, deadline_seconds), deadline_seconds + LATE)
        result = check_result(call, made)
        self.calls.append(CallRecord(call, result))
        return result

    async def state(self) -> Json:
        """How the environment stands."""
        return check_state(await self._wait("state", self.environment.state))

    async def grade(self, answer: str | None) -> Outcome:
        """The outcome, were the episode over with that answer."""
        return grade(self.scenario.rules, self._before, await self.state(), answer, self.calls)

    async def end(self) -> None:
        """Give the environment back."""
        await self._wait("close", self.environment.close)

    async def _wait(self, what: str, work: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        named = f"scenario {self.scenario.id!r}: the environment's {what}"
        return await enter(named, work, RESET_SECONDS if seconds is None else seconds)


class _Overheard:
    """The user of an environment that listens."""

    def __init__(self, listener: Listener, user: User) -> None:
        self._listener, self._user = listener, user

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``."""
        await self._listener.hear(agent_says)
        return await self._user.reply(agent_says)


def opening_text(scenario: Scenario) -> str:
    """What the user says first; InputError where the scenario opens with something else."""
    last = scenario.opening[-1]
    if last.role != "user" or last.content is None:
        raise InputError(f"scenario {scenario.id!r} opens with a message of role {last.role!r}, expected the user's")
    return last.content


def seed_of(scenario: Scenario, sample: int) -> int:
    """The seed of the ``sample``-th episode of a scenario: below 2**28, the same on every machine."""
    return int(digest_json([scenario.seed, scenario.id, sample])[:7], 16)
