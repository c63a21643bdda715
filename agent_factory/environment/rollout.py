"""Rollouts: many episodes at once against one engine, every wait with a deadline.

Invariant: as many traces come back as episodes were asked for, in their order; one that could not be
played says why in ``failure`` and has no outcome; every trace can be written as JSON.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

from agent_factory.agent.loop import Limits
from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Source, Trace
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.cancellation import is_end
from agent_factory.core.clock import new_id
from agent_factory.core.error import FactoryError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.dialogue.cast import open_cast
from agent_factory.environment.episode import Player, leave_out, name_trace
from agent_factory.environment.pulse import Pulse
from agent_factory.environment.world import count_places, open_world
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
    done: Collection[str] = (),
    keep: bool = True,
    deadline: float = 1800.0,
    environment: EnvironmentSection | None = None,
    keep_screenshot: Callable[[bytes], str] | None = None,
) -> list[Trace]:
    """Play each scenario ``samples`` times; the traces, scenario by scenario.

    ``run`` begins the ids of the traces, so that the same run names the same episodes; those whose ids are
    ``done`` are not played. ``on_trace`` gets each trace as its episode ends, and without ``keep`` it alone
    does: the list is then empty. ``deadline`` is the time in seconds for all of them together: what is not
    over by then is left out, with the cause. ``environment`` is a build's ``[environment]``, the recipe's as
    it stands without it. ``shielded`` keeps personal data from the model; scripted agents do without.
    """
    make_shield = open_shields(recipe) if shielded else NoShield
    section = environment or EnvironmentSection.read(recipe.settings)
    spoken = any(scenario.user is not None for scenario in scenarios)
    async with open_world(recipe, section) as world, open_cast(recipe, section, spoken) as make_user:
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
            make_user=make_user,
        )
        episodes = [(scenario, sample) for scenario in scenarios for sample in range(samples)]
        left = [episode for episode in episodes if name_trace(player.run, *episode) not in done]
        batch = _Batch(player, left, deadline, keep)
        await batch.play(count_places(world, concurrency), on_trace)
        return [trace for trace in batch.traces if trace is not None]


class _Batch:
    """The episodes of a run, and how far they are."""

    def __init__(self, player: Player, episodes: Sequence[tuple[Scenario, int]], seconds: float, keep: bool) -> None:
        self._player, self._episodes, self._seconds, self._keep = player, episodes, seconds, keep
        self._left = iter(enumerate(episodes))
        self._ends_at = time.monotonic() + seconds
        self._pulse = Pulse()
        self.traces: list[Trace | None] = [None] * len(episodes) if keep else []

    async def play(self, places: int, on_trace: Callable[[Trace], None] | None) -> None:
        """Play all, so many at once; what ``on_trace`` raises ends the run."""
        try:
            async with self._pulse, asyncio.TaskGroup() as group:
                for _ in range(min(places, len(self._episodes))):
                    group.create_task(self._work(on_trace))
        except BaseExceptionGroup as raised:
            raise raised.exceptions[0] from None

    async def _work(self, on_trace: Callable[[Trace], None] | None) -> None:
        for i, (scenario, sample) in self._left:
            await asyncio.sleep(0)  # an agent that never waits must not keep the loop's timers from their turn
            trace = await self._play_one(scenario, sample)
            if self._keep:
                self.traces[i] = trace
            if on_trace is not None:
                on_trace(trace)

    async def _play_one(self, scenario: Scenario, sample: int) -> Trace:
        player, left, before = self._player, self._ends_at - time.monotonic(), self._pulse.stood_still
        if left <= 0:
            cause = f"deadline: the batch of {len(self._episodes)} episodes was not over within {self._seconds:g} s"
            return leave_out(player, scenario, sample, cause)
        try:
            trace = await player.play(scenario, sample, left)
            if trace.failure is not None:
                trace = trace.model_copy(update={"failure": self._pulse.explain(trace.failure, before)})
            trace.model_dump_json()
        except FactoryError as error:  # a scenario that this world cannot play costs its own episode
            return leave_out(player, scenario, sample, f"scenario: {error}")
        except BaseException as error:  # so does what nobody foresaw, or what was said in it that cannot be kept
            if is_end(error):
                raise
            return leave_out(player, scenario, sample, f"episode: {type(error).__name__}: {error}")
        return trace


def open_shields(recipe: Recipe) -> Callable[[], ShieldLike]:
    """What makes the privacy shield of an episode, with the recipe's names."""
    # Presidio is heavy: who plays scripted agents does not load it.
    from agent_factory.privacy.redactor import open_redactor
    from agent_factory.privacy.shield import Shield

    redactor = open_redactor(recipe)
    return lambda: Shield(redactor)
