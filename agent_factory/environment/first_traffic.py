"""The first traffic: a recipe's predecessor agent works through scenarios, as production did before.

Invariant: the traces are a function of recipe, scenarios, days and seed, so that sending them twice
adds nothing, and traffic of an edited world or of other days has other ids. They hold raw personal
data, as foreign traces do, and no measurement (time, tokens) that was not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Trace
from agent_factory.core.buildfile import RecipeSettings
from agent_factory.core.digest import digest_bytes, digest_json
from agent_factory.core.error import InputError, RecipeError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.rollout import run_episodes
from agent_factory.gateway.chat import ChatRequest, ChatResult, Engine

PREDECESSOR = "predecessor"
_OPENS, _OPEN_SECONDS = time(8, tzinfo=UTC), 10 * 3600
# What no trace of the predecessor comes from: orders, bounds, names for redaction, and prose.
_ELSEWHERE = frozenset({"build.toml", "gate.toml", "names.txt"})
_TOLD = frozenset({"level", "kind", "template", "sample"})
_MAKERS = ("simulator", "scenarios", "predecessor")
_ONLOOKERS = ("judge", "from_trace")


def days_before(day: date, count: int) -> list[str]:
    """The ``count`` days before ``day``, oldest first, as YYYY-MM-DD."""
    return [(day - timedelta(days=i)).isoformat() for i in range(count, 0, -1)]


def describe_makers(recipe: Recipe, settings: RecipeSettings) -> dict[str, str]:
    """What makes a recipe's first traffic, each with its digest: the world's code and tools, and how much is asked for.

    Training, evaluation, gate, policy and judge are no part of it: they change no answer of a tool.
    """
    code = settings.recipe.model_dump(include=set(_MAKERS))
    asked = {"[recipe]": code, "[first_traffic]": settings.first_traffic.model_dump()}
    return {**_digest_world(recipe), **{f"build.toml {name}": digest_json(value) for name, value in asked.items()}}


def _digest_world(recipe: Recipe) -> dict[str, str]:
    files = sorted(path for path in recipe.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    onlookers = _find_onlookers(recipe)
    made_by = [path for path in files if path.suffix != ".md" and not any(map(path.is_relative_to, onlookers))]
    named = {path.relative_to(recipe.folder).as_posix(): path for path in made_by}
    return {name: digest_bytes(path.read_bytes()) for name, path in named.items() if name not in _ELSEWHERE}


def _find_onlookers(recipe: Recipe) -> list[Path]:
    """Where the code is that looks at traces (the judge, the hook from_trace), unless the world is made by the same."""
    makers, onlookers = (
        [recipe.source_of(target) for part in parts if isinstance(target := recipe.target_of(part), str)]
        for parts in (_MAKERS, _ONLOOKERS)
    )
    return [place for place in onlookers if place not in makers]


def make_traffic(
    recipe: Recipe, scenarios: Sequence[Scenario], days: Sequence[str], seed: int, project: str = DEFAULT_PROJECT
) -> list[Trace]:
    """One graded production trace a scenario, spread evenly over the business hours of ``days``.

    Raises RecipeError where an episode was ended by a fault of the predecessor or the simulator. Not
    to be called from inside an event loop.
    """
    if not days:
        raise InputError("first traffic needs at least one day, as '2026-11-20'; got none")
    make = recipe.load_part("predecessor")
    with recipe.blame("predecessor"):
        engine = _Blamed(recipe, make(seed))
    run = f"traffic-{seed}-{digest_json([_digest_world(recipe), list(days)])[:8]}"
    traces = asyncio.run(
        run_episodes(
            scenarios, recipe, engine, PREDECESSOR, source="production", project=project, run=run, shielded=False
        )
    )
    for trace in traces:
        if trace.outcome is None:
            raise RecipeError(f"the first traffic of {recipe.name!r} broke in {trace.scenario_id!r}: {trace.failure}")
    times = _draw_times(days, len(traces), Random(seed))
    return [_as_sent(trace, started_at) for trace, started_at in zip(traces, times, strict=True)]


class _Blamed:
    """The predecessor, whose faults are told with their place in the recipe."""

    def __init__(self, recipe: Recipe, engine: Engine) -> None:
        self._recipe, self._engine = recipe, engine

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """The predecessor's next move."""
        with self._recipe.blame("predecessor"):
            return await self._engine.chat(request, deadline_seconds=deadline_seconds)

    async def close(self) -> None:
        """Close the predecessor."""
        await self._engine.close()


def _draw_times(days: Sequence[str], count: int, rng: Random) -> list[datetime]:
    times: list[datetime] = []
    for i in range(count):
        opens = datetime.combine(date.fromisoformat(days[i % len(days)]), _OPENS)
        times.append(opens + timedelta(seconds=rng.randrange(_OPEN_SECONDS)))
    rng.shuffle(times)
    return times


def _as_sent(trace: Trace, started_at: datetime) -> Trace:
    # A scripted agent has neither tokens nor a meaningful latency, and production knows no simulator.
    unmeasured = {"usage": None, "latency_seconds": None, "executions": ()}
    steps = tuple(step.model_copy(update=unmeasured) for step in trace.steps)
    outcome = trace.outcome and trace.outcome.model_copy(update={"changes": None})
    metadata = {key: value for key, value in trace.metadata.items() if key in _TOLD}
    sent = {"created_at": started_at, "started_at": started_at}
    sent |= {"steps": steps, "outcome": outcome, "metadata": metadata}
    return trace.model_copy(update=sent)
