"""Replay: a trace's recorded actions again, in a fresh environment, through the same loop.

Invariant: the same code as in the episode hides, reveals, calls and grades, so that a difference is the
world's, the recipe's or that code's; nothing is played against another scenario than the recorded one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.contracts.replay import Replay
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import ConflictError, FactoryError
from agent_factory.core.played import Found
from agent_factory.environment.episode import Player
from agent_factory.environment.replay.comparison import compare, is_whole
from agent_factory.environment.replay.origin import Archive, Origin, close_off
from agent_factory.environment.replay.playback import PlaybackEngine, RecordedUser, bounds_of
from agent_factory.environment.rollout import open_shields
from agent_factory.environment.user import make_scripted
from agent_factory.environment.world import World, count_places, open_world

CONCURRENCY = 32


class Job(NamedTuple):
    """A trace to play again: its place among those asked for, and what it is played in."""

    at: int
    trace: Trace
    origin: Origin


async def replay_traces(archive: Archive, found: Sequence[Found], kind: str | None = None) -> list[Replay]:
    """Each trace beside what its actions lead to now, in their order; a world is opened once for all of its traces.

    ``kind`` plays them in another kind of world than they were played in.
    """
    told: dict[int, Replay] = {}

    def tell(job: Job, replayed: Trace) -> None:
        told[job.at] = judge(job.trace, replayed)

    def refuse(at: int, trace: Trace, reason: str) -> None:
        told[at] = Replay(trace=trace.id, verdict="refused", reason=reason)

    await play_again(archive, found, tell, refuse, kind)
    return [told[at] for at in range(len(found))]


async def play_again(
    archive: Archive,
    found: Sequence[Found],
    on_trace: Callable[[Job, Trace], None],
    on_refusal: Callable[[int, Trace, str], None],
    kind: str | None = None,
    choose: Callable[[Trace, Scenario], Scenario] = lambda trace, scenario: scenario,
) -> None:
    """Play the recorded actions of traces; each comes to ``on_trace`` or, with the reason, to ``on_refusal``.

    ``choose`` may put a scenario of other rules in the place of the one that was played.
    """
    groups: dict[tuple[str, str], list[Job]] = {}
    for at, (trace, file) in enumerate(found):
        try:
            _require_steps(trace)
            origin = archive.find_origin(trace, file)
            section = close_off(trace, origin, kind)
            origin = origin._replace(scenario=choose(trace, origin.scenario), section=section)
        except FactoryError as error:
            on_refusal(at, trace, str(error))
            continue
        key = (origin.recipe.name, origin.section.model_dump_json())
        groups.setdefault(key, []).append(Job(at, trace, origin))
    for jobs in groups.values():
        recipe, section = jobs[0].origin.recipe, jobs[0].origin.section
        async with open_world(recipe, section, kind) as world:
            await _play_group(world, jobs, on_trace, on_refusal)


async def _play_group(
    world: World,
    jobs: Sequence[Job],
    on_trace: Callable[[Job, Trace], None],
    on_refusal: Callable[[int, Trace, str], None],
) -> None:
    places, shields = asyncio.Semaphore(count_places(world, CONCURRENCY)), _Shields()

    async def play(job: Job) -> None:
        async with places:
            try:
                replayed = await play_recorded(world, job.trace, job.origin, shields.of(job))
                _require_same_tools(job.trace, replayed)
            except FactoryError as error:
                on_refusal(job.at, job.trace, str(error))
                return
        on_trace(job, replayed)

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(play(job))


async def play_recorded(
    world: World, trace: Trace, origin: Origin, make_shield: Callable[[], ShieldLike] = NoShield
) -> Trace:
    """The trace that the recorded actions lead to; what a model said as the user is said as it is recorded.

    InputError where the world lacks what the scenario asks for, ConflictError where the user's words are not known.
    """
    limits, sampling = bounds_of(trace)
    shield, persona = make_shield(), origin.scenario.user
    user = None if persona is None else RecordedUser(trace, persona, make_shield, shield)
    player = Player(
        world,
        origin.recipe,
        PlaybackEngine(trace),
        trace.model or "recorded",
        "replay",
        sampling=sampling,
        source=trace.source,
        project=trace.project,
        limits=limits,
        make_shield=lambda: shield,
        make_user=lambda scenario, seed: user or make_scripted(scenario, seed),
    )
    replayed = await player.play(origin.scenario, origin.sample)
    if user is not None:
        user.require_known()
    return replayed


def judge(recorded: Trace, replayed: Trace) -> Replay:
    """The two compared, with what was not."""
    differences = compare(recorded, replayed)
    return Replay(
        trace=recorded.id,
        verdict="different" if differences else "identical",
        steps=len(recorded.steps),
        reason=None if is_whole(recorded) else f"compared up to where it was broken off: {recorded.failure}",
        differences=differences,
    )


class _Shields:
    """The shield that a trace was recorded behind: one that hid nothing is as good as none."""

    def __init__(self) -> None:
        self._redactors: dict[str, Callable[[], ShieldLike]] = {}

    def of(self, job: Job) -> Callable[[], ShieldLike]:
        recipe = job.origin.recipe
        if not job.trace.pseudonyms:
            return NoShield
        if recipe.name not in self._redactors:
            self._redactors[recipe.name] = open_shields(recipe)
        return self._redactors[recipe.name]


def _require_steps(trace: Trace) -> None:
    if not trace.steps:
        raise ConflictError(f"trace {trace.id!r} has no step to play again: {trace.failure or 'nothing was said'}")


def _require_same_tools(recorded: Trace, replayed: Trace) -> None:
    old, new = ({tool.name: tool for tool in trace.tools} for trace in (recorded, replayed))
    edited = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if edited and replayed.tools:
        raise ConflictError(
            f"trace {recorded.id!r} is of an older recipe: its tools {', '.join(edited)} are others now, or gone"
        )
