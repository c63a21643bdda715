"""One episode: a scenario's world, an agent, a scripted user, a grade, a trace.

Invariant: an episode always ends in a trace. What an agent brought on itself is graded; what the
engine or the world did (a crash, a deadline) leaves no outcome, only ``failure`` with its cause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agent_factory.agent.loop import Conversation, Limits, Turn
from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.contracts.record import DEFAULT_PROJECT, Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Outcome, Source, Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, RecipeError
from agent_factory.environment.grade import grade
from agent_factory.environment.user import ScriptedUser
from agent_factory.environment.world import World
from agent_factory.gateway.chat import Engine, Sampling


@dataclass(frozen=True)
class Player:
    """An agent in a world, with what all its episodes share. ``run`` begins the ids of its traces."""

    world: World
    engine: Engine
    model: str
    run: str
    sampling: Sampling = field(default_factory=Sampling)
    source: Source = "rollout"
    build: str | None = None
    project: str = DEFAULT_PROJECT
    limits: Limits = field(default_factory=Limits)
    make_shield: Callable[[], ShieldLike] = NoShield

    async def play(self, scenario: Scenario, sample: int = 0, seconds: float | None = None) -> Trace:
        """Play a scenario; ``seconds`` is what is left of the batch's time."""
        try:
            return await self._play(scenario, sample, seconds)
        except RecipeError as error:  # its simulator could not set the world up, or not tell how it stands
            return leave_out(self, scenario, sample, f"world: {error}")

    async def _play(self, scenario: Scenario, sample: int, seconds: float | None) -> Trace:
        name = f"{self.run}-{scenario.id}-{sample}"
        shield = self.make_shield()
        tools = self.world.tools_of(scenario)
        toolbox = self.world.enter(name, scenario)
        try:
            conversation = Conversation(
                self.engine,
                toolbox,
                self.model,
                self.world.recipe.policy,
                tools,
                self._sampling_of(scenario, sample),
                self.limits,
                shield=shield,
                history=[shield.hide_message(message) for message in scenario.opening[:-1]],
            )
            turn = await self._converse(conversation, scenario, seconds)
            outcome = self._grade(name, scenario, conversation, turn)
        finally:
            self.world.leave(name)
        return conversation.to_trace(
            name,
            self.source,
            project=self.project,
            recipe=scenario.recipe,
            scenario_id=scenario.id,
            build=self.build,
            outcome=outcome,
            failure=turn.failure,
            metadata=_describe(scenario, sample),
        )

    async def _converse(self, conversation: Conversation, scenario: Scenario, seconds: float | None) -> Turn:
        limit = self.limits.episode_seconds if seconds is None else min(seconds, self.limits.episode_seconds)
        user, text = ScriptedUser(scenario.replies), _opening_text(scenario)
        try:
            async with asyncio.timeout(limit):
                while True:
                    turn = await conversation.turn(text)
                    reply = None if turn.answer is None else user.reply(turn.answer)
                    if reply is None:
                        return turn
                    text = reply
        except TimeoutError:
            return _ended(conversation, f"deadline: the episode was not over within {limit:.1f} s")
        except Exception as error:  # the border of an episode: a defect costs this one and no other
            return _ended(conversation, f"world: {type(error).__name__}: {error}")

    def _grade(self, name: str, scenario: Scenario, conversation: Conversation, turn: Turn) -> Outcome | None:
        if turn.fault == "engine":
            return None
        outcome = grade(scenario, self.world.snapshot(name), turn.answer, conversation.calls)
        if turn.failure is None:
            return outcome
        return outcome.model_copy(update={"success": False, "reward": 0.0, "reasons": (turn.failure, *outcome.reasons)})

    def _sampling_of(self, scenario: Scenario, sample: int) -> Sampling:
        if self.sampling.temperature == 0:
            return self.sampling
        drawn = digest_json([self.sampling.seed or 0, scenario.id, sample])
        return self.sampling.model_copy(update={"seed": int(drawn[:7], 16)})


def leave_out(player: Player, scenario: Scenario, sample: int, cause: str) -> Trace:
    """The trace of an episode that could not be begun, with the cause."""
    now = clock.now()
    return Trace(
        id=f"{player.run}-{scenario.id}-{sample}",
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
        metadata=_describe(scenario, sample),
    )


def _ended(conversation: Conversation, failure: str) -> Turn:
    return Turn(None, tuple(conversation.steps), failure, "engine")


def _opening_text(scenario: Scenario) -> str:
    last = scenario.opening[-1]
    if last.role != "user" or last.content is None:
        raise InputError(f"scenario {scenario.id!r} opens with a message of role {last.role!r}, expected the user's")
    return last.content


def _describe(scenario: Scenario, sample: int) -> Json:
    return {"level": scenario.level, "kind": scenario.kind, "template": scenario.template, "sample": sample}
