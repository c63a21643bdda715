"""An outsider's seat at our scenarios: whoever sits there acts by assistant messages, one after the other.

Gymnasium, OpenEnv and TRL all act through it, and it acts through ``Task``. Invariants: an episode ends with
an answer that the user does not reply to, or with what the agent brought on itself (no message, too many
steps), and is then graded as a rollout is; rewards are 0 before the end and the outcome's at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_factory.agent.loop import Limits
from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import Message, Tool
from agent_factory.contracts.record import Json, Part
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Outcome
from agent_factory.core.error import ConflictError, InputError, NotFoundError
from agent_factory.environment.episode import fail_outcome
from agent_factory.environment.task import Task, seed_of
from agent_factory.environment.world import World


class Sight(Part):
    """What is new since the last action; ``outcome`` where the episode is over, ``failure`` where it ended early."""

    scenario: str
    messages: tuple[Message, ...]
    reward: float = 0.0
    outcome: Outcome | None = None
    failure: str | None = None

    @property
    def done(self) -> bool:
        """Whether the episode is over."""
        return self.outcome is not None


class Seat:
    """One episode after the other, each from ``reset`` to its end."""

    def __init__(self, world: World, scenarios: Sequence[Scenario], limits: Limits | None = None) -> None:
        if not scenarios:
            raise InputError("there are no scenarios to play; draw at least one")
        self._world, self._limits = world, limits or Limits()
        self._scenarios = {scenario.id: scenario for scenario in scenarios}
        self._task: Task | None = None
        self._over = True
        self._outcome: Outcome | None = None
        self.steps = 0

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What may be called in the episode; empty before ``reset``."""
        return () if self._task is None else self._task.tools

    async def reset(self, seed: int, scenario: str | None = None) -> Sight:
        """Begin an episode of the named scenario, or of the one that ``seed`` falls on.

        NotFoundError where there is none of that name; RecipeError or ToolError where the world does not begin.
        """
        chosen = self._choose(seed, scenario)
        await self.close()
        task = Task(self._world.make(), chosen)
        self._task, self._outcome, self.steps = task, None, 0
        await task.begin(seed_of(chosen, seed))
        self._over = False
        return Sight(scenario=chosen.id, messages=chosen.opening)

    async def act(self, message: Message | None) -> Sight:
        """Take the agent's next message; None is one that was none, which ends the episode as failed.

        ConflictError where no episode is running; ToolError or RecipeError where the world broke, which ends it too.
        """
        task = self._playing()
        try:
            if message is None:
                return await self._finish(task, None, "malformed: the action is no assistant message")
            if not message.tool_calls:
                return await self._answer(task, message.content or "")
            results = [await self._call(task, message, number) for number in range(len(message.tool_calls))]
        except BaseException:
            self._over = True
            raise
        self.steps += 1
        said = tuple(result.message for result in results)
        if self.steps >= self._limits.max_steps:
            return await self._finish(task, None, f"step limit: no answer after {self.steps} steps", said)
        return Sight(scenario=task.scenario.id, messages=said)

    async def grade(self, answer: str | None) -> Outcome:
        """The outcome, were the episode over with that answer; that of its end where it is. See ``Task.grade``."""
        if self._task is None:
            raise ConflictError("there is no episode to grade: reset first")
        return self._outcome or await self._task.grade(answer)

    async def state(self) -> Json:
        """How the episode's world stands, over or not."""
        if self._task is None:
            raise ConflictError("there is no episode: reset first")
        return await self._task.state()

    async def close(self) -> None:
        """Give the episode's environment back; a second time is no fault."""
        task, self._task, self._over = self._task, None, True
        if task is not None:
            await task.end()

    async def _call(self, task: Task, message: Message, number: int) -> ToolResult:
        return await task.call(message.tool_calls[number], self._limits.tool_seconds)

    async def _answer(self, task: Task, answer: str) -> Sight:
        reply = await task.user.reply(answer)
        if reply is None:
            return await self._finish(task, answer, None)
        self.steps = 0  # the limit holds for one turn of the user's, as in ``Conversation``
        return Sight(scenario=task.scenario.id, messages=(Message(role="user", content=reply),))

    async def _finish(
        self, task: Task, answer: str | None, failure: str | None, said: tuple[Message, ...] = ()
    ) -> Sight:
        self._over = True
        outcome = await task.grade(answer)
        if failure is not None:
            outcome = fail_outcome(outcome, failure)
        self._outcome = outcome
        return Sight(scenario=task.scenario.id, messages=said, reward=outcome.reward, outcome=outcome, failure=failure)

    def _choose(self, seed: int, scenario: str | None) -> Scenario:
        if scenario is None:
            return list(self._scenarios.values())[seed % len(self._scenarios)]
        if scenario not in self._scenarios:
            known = ", ".join(list(self._scenarios)[:5])
            raise NotFoundError(
                f"there is no scenario {scenario!r} here; there are {len(self._scenarios)}, the first: {known}"
            )
        return self._scenarios[scenario]

    def _playing(self) -> Task:
        if self._task is None or self._over:
            raise ConflictError("no episode is running: reset first")
        return self._task
