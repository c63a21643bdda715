"""One episode: an agent plays a scenario in an environment, and a trace comes of it.

Invariant: an episode always ends in a trace. What an agent brought on itself is graded; what the
engine, the world or the user did (a crash, a deadline) leaves no outcome, only ``failure`` with its
cause and whose ``fault`` it was.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from agent_factory.agent.loop import Conversation, Limits, Turn
from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.contracts.record import DEFAULT_PROJECT, Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Outcome, Source, Trace
from agent_factory.core import clock
from agent_factory.core.cancellation import is_end
from agent_factory.core.digest import digest_json
from agent_factory.core.error import RecipeError, ToolError, UserError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.task import Task, opening_text, seed_of
from agent_factory.environment.user import MakeUser, make_scripted
from agent_factory.environment.world import Photographed, World
from agent_factory.gateway.chat import Engine, Sampling

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Player:
    """An agent in a world, with what all its episodes share. ``run`` begins the ids of its traces.

    ``keep_screenshot`` puts a PNG away and tells its path; without it, screenshots are not kept. ``make_user``
    makes who talks to the agent, the scripted user without it.
    """

    world: World
    recipe: Recipe
    engine: Engine
    model: str
    run: str
    sampling: Sampling = field(default_factory=Sampling)
    source: Source = "rollout"
    build: str | None = None
    project: str = DEFAULT_PROJECT
    limits: Limits = field(default_factory=Limits)
    make_shield: Callable[[], ShieldLike] = NoShield
    keep_screenshot: Callable[[bytes], str] | None = None
    make_user: MakeUser = make_scripted

    async def play(self, scenario: Scenario, sample: int = 0, seconds: float | None = None) -> Trace:
        """Play a scenario; ``seconds`` is what is left of the batch's time.

        InputError where the scenario asks for what this world does not have.
        """
        seed = seed_of(scenario, sample)
        environment = self.world.make()
        if isinstance(environment, Photographed):
            environment.photographs = self.keep_screenshot is not None
        task = Task(environment, scenario, self.make_user(scenario, seed))
        try:
            await task.begin(seed)
            trace = await self._play(task, sample, seconds)
        except (RecipeError, ToolError) as error:  # it could not be set up, or not tell how it stands
            trace = leave_out(self, scenario, sample, f"world: {error}")
        finally:
            unclosed = await _end(task)
        if unclosed is None:
            return trace
        return trace.model_copy(update={"metadata": {**trace.metadata, "close": unclosed}})

    async def _play(self, task: Task, sample: int, seconds: float | None) -> Trace:
        scenario, shield = task.scenario, self.make_shield()
        conversation = Conversation(
            self.engine,
            task,
            self.model,
            self.recipe.policy,
            task.tools,
            self._sampling_of(scenario, sample),
            self.limits,
            shield=shield,
            history=[shield.hide_message(message) for message in scenario.opening[:-1]],
            keep_screenshot=self.keep_screenshot,
        )
        turn = await self._converse(conversation, task, seconds)
        turn, outcome = await self._grade(task, turn)
        return conversation.to_trace(
            name_trace(self.run, scenario, sample),
            self.source,
            project=self.project,
            recipe=scenario.recipe,
            scenario_id=scenario.id,
            build=self.build,
            outcome=None if outcome is None else hide_outcome(shield, outcome),
            failure=turn.failure,
            fault=turn.fault,
            metadata=_describe(self.recipe, scenario, sample),
        )

    async def _converse(self, conversation: Conversation, task: Task, seconds: float | None) -> Turn:
        limit = self.limits.episode_seconds if seconds is None else min(seconds, self.limits.episode_seconds)
        text = opening_text(task.scenario)
        try:
            async with asyncio.timeout(limit):
                while True:
                    turn = await conversation.turn(text)
                    reply = None if turn.answer is None else await self._hear(task, turn.answer)
                    if reply is None:
                        return turn
                    text = reply
        except TimeoutError:
            return Turn(
                None, tuple(conversation.steps), f"deadline: the episode was not over within {limit:.1f} s", "engine"
            )
        except UserError as error:
            return Turn(None, tuple(conversation.steps), f"user: {error}", "user")
        except BaseException as error:  # the border of an episode: a defect costs this one and no other
            if is_end(error):
                raise
            failure = f"world: {type(error).__name__}: {error}"
            return Turn(None, tuple(conversation.steps), failure, "environment")

    async def _hear(self, task: Task, answer: str) -> str | None:
        """What the user says to an answer; a user has as long as a model, since it may be one."""
        try:
            async with asyncio.timeout(self.limits.step_seconds):
                return await task.user.reply(answer)
        except TimeoutError as error:
            raise UserError(f"deadline: no reply within {self.limits.step_seconds:g} s") from error

    async def _grade(self, task: Task, turn: Turn) -> tuple[Turn, Outcome | None]:
        """The outcome, None where there is none to tell; the turn then says why."""
        if turn.fault not in (None, "agent"):
            return turn, None
        try:
            outcome = await task.grade(turn.answer)
        except (RecipeError, ToolError) as error:  # it does not tell how it stands
            return turn._replace(failure=f"world: {error}", fault="environment"), None
        return turn, outcome if turn.failure is None else fail_outcome(outcome, turn.failure)

    def _sampling_of(self, scenario: Scenario, sample: int) -> Sampling:
        if self.sampling.temperature == 0:
            return self.sampling
        drawn = digest_json([self.sampling.seed or 0, scenario.id, sample])
        return self.sampling.model_copy(update={"seed": int(drawn[:7], 16)})


async def _end(task: Task) -> str | None:
    """Give the environment back; what failed there, which takes nothing from what was played."""
    try:
        await task.end()
    except (RecipeError, ToolError) as error:
        _LOG.warning("%s", error)
        return str(error)
    return None


def name_trace(run: str, scenario: Scenario, sample: int) -> str:
    """The id of the trace of an episode."""
    return f"{run}-{scenario.id}-{sample}"


def fail_outcome(outcome: Outcome, failure: str) -> Outcome:
    """The outcome of an episode that the agent itself ended early: failed, whatever the world looks like."""
    return outcome.model_copy(update={"success": False, "reward": 0.0, "reasons": (failure, *outcome.reasons)})


def hide_outcome(shield: ShieldLike, outcome: Outcome) -> Outcome:
    """An outcome without personal data: what it says of the world holds real values."""
    changes: Json | None = outcome.changes
    if changes:
        changes = json.loads(shield.hide_json_text(json.dumps(changes, ensure_ascii=False)))
    reasons = tuple(shield.hide_text(reason) for reason in outcome.reasons)
    return outcome.model_copy(update={"reasons": reasons, "changes": changes})


def leave_out(player: Player, scenario: Scenario, sample: int, cause: str) -> Trace:
    """The trace of an episode that could not be begun, with the cause; the world's fault but for a deadline."""
    now = clock.now()
    return Trace(
        id=name_trace(player.run, scenario, sample),
        project=player.project,
        created_at=now,
        started_at=now,
        source=player.source,
        recipe=scenario.recipe,
        scenario_id=scenario.id,
        build=player.build,
        model=player.model,
        steps=(),
        failure=cause,
        fault="engine" if cause.startswith("deadline:") else "environment",
        metadata=_describe(player.recipe, scenario, sample),
    )


def _describe(recipe: Recipe, scenario: Scenario, sample: int) -> Json:
    return {
        "level": scenario.level,
        "kind": scenario.kind,
        "template": scenario.template,
        "sample": sample,
        "scenario_digest": digest_json(scenario.content()),
        "world": {**recipe.world},
    }
