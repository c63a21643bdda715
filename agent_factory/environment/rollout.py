"""Rollouts: many episodes at once against one engine, every wait with a deadline.

Invariant: as many traces come back as episodes were asked for, in their order; one that could not be
played says why in ``failure`` and has no outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from agent_factory.agent.loop import Limits
from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Source, Trace
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.clock import new_id
from agent_factory.core.error import FactoryError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.episode import Player, leave_out
from agent_factory.environment.world import open_world
from agent_factory.gateway.chat import Engine, Sampling


async def run_episodes(
    scenarios: Sequence[Scenario],
    recipe: Recipe,
    engine: Engine,
    model: str,
    *,
    sampling: Sampling | None = None,
    source: Source = "rollout",
    build: str | None = None,
    project: str = DEFAULT_PROJECT,
    run: str | None = None,
    samples: int = 1,
    concurrency: int = 256,
    limits: Limits | None = None,
    shielded: bool = True,
    on_trace: Callable[[Trace], None] | None = None,
    deadline: float = 1800.0,
    environment: EnvironmentSection | None = None,
    keep_screenshot: Callable[[bytes], str] | None = None,
) -> list[Trace]:
    """Play each scenario ``samples`` times; the traces, scenario by scenario.

    ``run`` begins the ids of the traces, so that the same run names the same episodes. ``deadline``
    is the time in seconds for all of them together: what is not over by then is left out, with the
    cause. ``environment`` is a build's ``[environment]``, the recipe's as it stands without it.
    ``shielded`` keeps personal data from the model; scripted agents do without.
    """
    make_shield = open_shields(recipe) if shielded else NoShield
    async with open_world(recipe, environment) as world:
        player = Player(
            world=world,
            recipe=recipe,
            engine=engine,
            model=model,
            run=run or new_id("run"),
            sampling=sampling or Sampling(),
            source=source,
            build=build,
            project=project,
            limits=limits or Limits(),
            make_shield=make_shield,
            keep_screenshot=keep_screenshot,
        )
        episodes = [(scenario, sample) for scenario in scenarios for sample in range(samples)]
        return await _play_all(player, episodes, concurrency, deadline, on_trace)


async def _play_all(
    player: Player,
    episodes: Sequence[tuple[Scenario, int]],
    concurrency: int,
    deadline: float,
    on_trace: Callable[[Trace], None] | None,
) -> list[Trace]:
    places = asyncio.Semaphore(concurrency)
    ends_at = time.monotonic() + deadline

    async def play(scenario: Scenario, sample: int) -> Trace:
        async with places:
            left = ends_at - time.monotonic()
            if left <= 0:
                cause = f"deadline: the batch of {len(episodes)} episodes was not over within {deadline:g} s"
                trace = leave_out(player, scenario, sample, cause)
            else:
                trace = await _play_one(player, scenario, sample, left)
        if on_trace is not None:
            on_trace(trace)
        return trace

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(play(scenario, sample)) for scenario, sample in episodes]
    return [task.result() for task in tasks]


async def _play_one(player: Player, scenario: Scenario, sample: int, seconds: float) -> Trace:
    try:
        return await player.play(scenario, sample, seconds)
    except FactoryError as error:  # a scenario that this world cannot play costs its own episode
        return leave_out(player, scenario, sample, f"scenario: {error}")


def open_shields(recipe: Recipe) -> Callable[[], ShieldLike]:
    """What makes the privacy shield of an episode, with the recipe's names."""
    # Presidio is heavy: who plays scripted agents does not load it.
    from agent_factory.privacy.redactor import open_redactor
    from agent_factory.privacy.shield import Shield

    redactor = open_redactor(recipe)
    return lambda: Shield(redactor)
